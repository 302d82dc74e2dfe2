//! What can happen to a request, and which requests it happens to.

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Clear,
    /// Connections are cut when they are opened, and those that are open. Limited to some requests: the connection is cut
    /// when such a request arrives.
    Down,
    /// The connection is cut when this much of the request's body has gone to the server. Smaller requests pass.
    CutBody {
        /// Bytes of the body that pass.
        after_bytes: u64,
    },
    /// Nothing moves any more, either way, when this much has passed of the request's body and then of the answer's; the
    /// connection stays open. Smaller exchanges pass. 0: not even the head of the request passes.
    Stall {
        /// Bytes of the bodies that pass.
        after_bytes: u64,
    },
    /// Bodies pass at this pace, each way.
    Slow {
        /// At least 1.
        bytes_per_s: u64,
    },
    /// The connection is cut in the middle of the answer's body, or of its head where it has no body.
    HalfAnswer,
    /// The server gets the whole request and answers, and the connection is cut before a byte of the answer passes.
    LostAnswer,
    /// The proxy takes the whole request and answers itself; the server hears nothing.
    Answer {
        /// The status, such as 429.
        status: u16,
        /// Headers besides `Content-Length`: (`Retry-After`, `1`).
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The middle byte of the request's body is another one when it reaches the server.
    Corrupt,
    /// Each request meets one of these, or in the other cases clear weather. The same seed and order of requests give the
    /// same storm.
    Storm {
        /// Print it when a test fails.
        seed: u64,
        /// 0 to 100: how many of a hundred requests are spoilt.
        percent: u8,
        /// What may happen to them; not another storm.
        of: Vec<Weather>,
    },
}

impl Weather {
    /// An answer in the server's stead with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Answer { status, headers: vec![("Content-Type".into(), "application/json".into())], body: body.to_string() }
    }

    /// An answer in the server's stead with an XML body, as S3 words its errors.
    pub fn s3_error(status: u16, code: &str) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>");
        Self::Answer { status, headers: vec![("Content-Type".into(), "application/xml".into())], body }
    }

    /// An answer in the server's stead: too many requests, with or without `Retry-After` (seconds).
    pub fn too_many(retry_after_s: Option<u64>) -> Self {
        let headers = retry_after_s.map(|seconds| ("Retry-After".to_owned(), seconds.to_string())).into_iter().collect();
        Self::Answer { status: 429, headers, body: String::new() }
    }

    /// One word for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Down => "down",
            Self::CutBody { .. } => "cut body",
            Self::Stall { .. } => "stall",
            Self::Slow { .. } => "slow",
            Self::HalfAnswer => "half answer",
            Self::LostAnswer => "lost answer",
            Self::Answer { .. } => "answer",
            Self::Corrupt => "corrupt",
            Self::Storm { .. } => "storm",
        }
    }
}

/// Which requests a weather is for.
#[derive(Debug, Clone)]
pub struct Only {
    method: String,
    part: String,
    left: usize,
}

impl Only {
    /// Requests with this method (empty: any) and this text in their path or query.
    pub fn requests(method: &str, part: &str) -> Self {
        Self { method: method.into(), part: part.into(), left: usize::MAX }
    }

    /// Only the next `count` of them.
    pub fn first(self, count: usize) -> Self {
        Self { left: count, ..self }
    }

    pub(super) fn matches(&self, method: &str, target: &str) -> bool {
        (self.method.is_empty() || self.method == method) && target.contains(&self.part)
    }
}

/// What was set, latest first.
pub(super) struct Forecast {
    rules: Vec<(Only, Weather)>,
    otherwise: Weather,
    requests: u64,
}

impl Default for Forecast {
    fn default() -> Self {
        Self { rules: Vec::new(), otherwise: Weather::Clear, requests: 0 }
    }
}

impl Forecast {
    pub(super) fn set(&mut self, weather: Weather) {
        self.rules.clear();
        self.otherwise = weather;
    }

    pub(super) fn add(&mut self, only: Only, weather: Weather) {
        self.rules.insert(0, (only, weather));
    }

    /// What the next request meets; never a storm itself.
    pub(super) fn next(&mut self, method: &str, target: &str) -> Weather {
        let number = self.requests;
        self.requests += 1;
        let rule = self.rules.iter_mut().find(|(only, _)| only.left > 0 && only.matches(method, target));
        let weather = match rule {
            Some((only, weather)) => {
                // Without end is a number, too.
                only.left = if only.left == usize::MAX { usize::MAX } else { only.left - 1 };
                weather
            }
            None => &self.otherwise,
        };
        match weather {
            Weather::Storm { seed, percent, of } if !of.is_empty() => {
                let drawn = scatter(seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
                if drawn % 100 >= u64::from(*percent) {
                    return Weather::Clear;
                }
                let which = usize::try_from((drawn >> 32) % of.len() as u64).expect("below a length");
                of[which].clone()
            }
            other => other.clone(),
        }
    }
}

/// Splitmix64's last steps: neighbouring numbers come out far apart.
fn scatter(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
