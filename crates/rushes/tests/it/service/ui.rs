//! The dashboard, as a browser without script sees it: pages answer, names stay text, forms work, nobody comes in unasked.

use super::{Served, new_key};
use crate::support::program::Program;
use crate::support::survivor::{LONG, TINY, make_reference};
use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN, RANGE, SET_COOKIE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use std::time::{Duration, Instant};

/// Every page that needs no id.
const PAGES: [&str; 9] = ["/", "/jobs", "/start", "/characters", "/deliveries", "/shoots", "/audit", "/webhooks", "/keys"];
/// What a name must never become.
const NASTY: &str = "<script>alert(1)</script>";

/// A browser without script: it goes where it is told, by hand.
pub(super) struct Browser<'a> {
    served: &'a Served,
    client: Client,
    key: Option<String>,
}

pub(super) struct Seen {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) text: String,
}

impl Seen {
    pub(super) fn header(&self, name: reqwest::header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl<'a> Browser<'a> {
    pub(super) fn new(served: &'a Served, key: Option<String>) -> Self {
        Self { served, client: Client::builder().redirect(Policy::none()).build().unwrap(), key }
    }

    async fn send(&self, method: Method, path: &str, form: Option<&str>, more: &[(reqwest::header::HeaderName, &str)]) -> Seen {
        let mut request = self.client.request(method, format!("{}{path}", self.served.url)).header(ACCEPT, "text/html");
        if let Some(key) = &self.key {
            request = request.header(COOKIE, format!("rushes_key={key}"));
        }
        if let Some(form) = form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        }
        for (name, value) in more {
            request = request.header(name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        Seen { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(super) async fn get(&self, path: &str) -> Seen {
        self.send(Method::GET, path, None, &[]).await
    }

    async fn post(&self, path: &str, form: &str) -> Seen {
        self.send(Method::POST, path, Some(form), &[]).await
    }
}

/// A page as every page must be; gives its text.
pub(super) fn page(path: &str, seen: &Seen) -> String {
    assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.text);
    assert!(seen.header(CONTENT_TYPE).starts_with("text/html"), "{path}");
    let policy = seen.header(CONTENT_SECURITY_POLICY);
    assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(seen.header(CACHE_CONTROL), "no-store", "{path}: facts are never kept");
    for inline in [" style=", "<style", " onclick=", " onload=", "javascript:"] {
        assert!(!seen.text.contains(inline), "{path} holds {inline}");
    }
    assert_eq!(
        seen.text.matches("<script").count(),
        seen.text.matches("<script src=\"/ui/files/").count(),
        "{path}: no script in the page"
    );
    for lead in ["http://", "https://", "//cdn"] {
        let text = seen.text.replace("data-copy=\"http", "");
        assert!(!text.contains(&format!("src=\"{lead}")) && !text.contains(&format!("href=\"{lead}")), "{path} leads elsewhere");
    }
    seen.text.clone()
}

/// Puts a film into the reference library under this name.
fn reference(program: &Program, name: &str) {
    make_reference(program);
    std::fs::create_dir_all(program.path("home/references")).unwrap();
    std::fs::copy(program.path("step.mp4"), program.path(&format!("home/references/{name}.mp4"))).unwrap();
}

async fn job_ends(browser: &Browser<'_>, path: &str) -> String {
    let began = Instant::now();
    loop {
        let text = page(path, &browser.get(path).await);
        let is_over = ["completed</span>", "failed</span>", "cancelled</span>"].iter().any(|word| text.contains(word));
        if is_over && !text.contains("more to come") && text.contains("ended <time") {
            return text;
        }
        assert!(began.elapsed() < LONG, "it never ends: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_pages_answer_within_their_weight_to_those_who_may() {
    let served = Served::start(TINY);
    let browser = Browser::new(&served, served.key.clone());
    for path in PAGES {
        let text = page(path, &browser.get(path).await);
        let mut weight = text.len();
        for start in ["/ui/files/"] {
            let mut files: Vec<&str> = text.split('"').filter(|part| part.starts_with(start)).collect();
            files.sort_unstable();
            files.dedup();
            for file in files {
                let seen = browser.get(file).await;
                assert_eq!(seen.status, StatusCode::OK, "{file}");
                assert!(seen.header(CACHE_CONTROL).contains("immutable"), "{file}");
                weight += seen.text.len();
            }
        }
        assert!(weight <= 100_000, "{path} weighs {weight} bytes before pictures");
    }
    let stranger = Browser::new(&served, None);
    for path in PAGES.iter().chain(&["/jobs/x", "/ui/thumbs/x", "/ui/references/step"]) {
        let seen = stranger.get(path).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{path}");
        assert!(seen.header(LOCATION).starts_with("/login"), "{path}: {}", seen.header(LOCATION));
    }
    assert_eq!(stranger.post("/start", "count=1&style=lofi").await.status, StatusCode::SEE_OTHER, "a stranger starts nothing");
    assert_eq!(stranger.get("/login").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_logs_in_with_a_key_and_out_again() {
    let served = Served::start(TINY);
    let key = served.key.clone().unwrap();
    let stranger = Browser::new(&served, None);
    let wrong = stranger.post("/login", "key=rushes_wrong&next=%2Fjobs").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("aria-invalid") && wrong.header(SET_COOKIE).is_empty(), "{}", wrong.text);
    let entered = stranger.post("/login", &format!("key=+{key}+&next=%2Fjobs%3Fstate%3Dfailed")).await;
    assert_eq!((entered.status, entered.header(LOCATION)), (StatusCode::SEE_OTHER, "/jobs?state=failed"), "{}", entered.text);
    let cookie = entered.header(SET_COOKIE);
    for part in [&format!("rushes_key={key};"), "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    for next in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let next = next.replace('/', "%2F").replace(':', "%3A");
        assert_eq!(stranger.post("/login", &format!("key={key}&next={next}")).await.header(LOCATION), "/", "{next}");
    }
    let browser = Browser::new(&served, Some(key.clone()));
    let foreign = [(ORIGIN, "https://evil.example")];
    for (path, form) in
        [("/start", "count=1&style=lofi"), ("/keys", "name=mine&scope=admin"), ("/logout", ""), ("/login", &format!("key={key}"))]
    {
        let seen = browser.send(Method::POST, path, Some(form), &foreign).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path} is not taken from elsewhere: {}", seen.text);
    }
    let left = browser.post("/logout", "").await;
    assert!(left.header(SET_COOKIE).contains("Max-Age=0"), "{}", left.header(SET_COOKIE));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_starts_follows_and_cancels_without_a_script() {
    let served = Served::start(TINY);
    reference(&served.program, "step");
    let browser = Browser::new(&served, served.key.clone());
    let form = page("/start", &browser.get("/start?count=3&style=city_pop&reference=step").await);
    assert!(
        form.contains("value=\"city_pop\" checked") && form.contains("value=\"step\" checked") && form.contains("Time not known yet"),
        "{form}"
    );
    for (wish, says) in [
        ("count=11&style=lofi", "A number from 1 to 10, please."),
        ("count=1&style=polka", "there are: "),
        ("count=1&style=lofi&reference=nobody", "no reference of that name in the library. There are: step"),
        ("count=1&style=lofi&reference=..%2F..%2Fetc%2Fpasswd", "It was not started."),
    ] {
        let refused = browser.post("/start", wish).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wish}");
        assert!(refused.text.contains(says), "{wish}: {}", refused.text);
    }
    let started = browser.post("/start", "count=1&style=lofi&reference=step&watermark=on").await;
    assert_eq!(started.status, StatusCode::SEE_OTHER, "{}", started.text);
    let path = started.header(LOCATION).to_owned();
    let text = job_ends(&browser, &path).await;
    assert!(text.contains("completed</span>") && text.contains("100 %") && text.contains("/ui/thumbs/asset_"), "{text}");
    let thumb = text.split('"').find(|part| part.starts_with("/ui/thumbs/")).unwrap();
    let small = browser.get(thumb).await;
    assert_eq!((small.status, small.header(CONTENT_TYPE)), (StatusCode::OK, "image/jpeg"), "{thumb}");
    let character = text.split('"').find(|part| part.starts_with("/characters/") && part.len() > 14).unwrap();
    let shown = page(character, &browser.get(character).await);
    assert!(shown.contains("<video controls") && shown.contains("Finished film"), "{shown}");
    let asset = shown.split('"').find(|part| part.starts_with("/assets/")).unwrap();
    assert!(page(asset, &browser.get(asset).await).contains("Where it is"));
    assert!(page("/start", &browser.get("/start").await).contains("by the last production "), "the plan goes by what was measured");
    page("/", &browser.get("/").await);

    let again = browser.post("/start", "count=2&style=lofi&reference=step&variants=on").await.header(LOCATION).to_owned();
    assert_eq!(browser.post(&format!("{again}/cancel"), "").await.header(LOCATION), again);
    assert!(job_ends(&browser, &again).await.contains("cancelled</span>"));
    assert_eq!(browser.post(&format!("{again}/cancel"), "").await.status, StatusCode::SEE_OTHER, "to have ended is no fault");
    // What the cancelled job had made may still be on its way when it is looked at.
    let began = Instant::now();
    let mut text = String::new();
    while !text.contains("are where they should be") {
        assert!(began.elapsed() < LONG, "the audit finds: {text}");
        assert_eq!(browser.post("/audit", "").await.header(LOCATION), "/audit");
        tokio::time::sleep(Duration::from_millis(200)).await;
        text = page("/audit", &browser.get("/audit").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_keeps_each_scope_to_its_own() {
    let program = Program::with(TINY);
    let [admin, read] = ["admin", "read"].map(|scope| new_key(&program, scope));
    let served = Served::open(program);
    let looks = Browser::new(&served, Some(read));
    for path in PAGES {
        page(path, &looks.get(path).await);
    }
    for (path, form) in [
        ("/start", "count=1&style=lofi"),
        ("/audit", ""),
        ("/audit/mend", ""),
        ("/keys", "name=x&scope=read"),
        ("/deliveries/retry", "destination=remote"),
        ("/webhooks", "url=https%3A%2F%2Fa.example"),
    ] {
        assert_eq!(looks.post(path, form).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(looks.get("/start").await.text.contains("may only look"));
    assert!(!looks.get("/keys").await.text.contains("admin key"), "whose keys there are is for those who may make some");
    let rules = Browser::new(&served, Some(admin));
    let made = rules.post("/keys", "name=robot&scope=run").await;
    let secret = made.text.split('"').find(|part| part.starts_with("rushes_")).unwrap().to_owned();
    assert_eq!(Browser::new(&served, Some(secret.clone())).get("/jobs").await.status, StatusCode::OK);
    let listed = rules.get("/keys").await.text;
    assert!(!listed.contains(&secret) && listed.contains("robot"), "it is shown once");
    assert_eq!(rules.post("/keys", "name=robot&scope=run").await.status, StatusCode::BAD_REQUEST, "two of one name");
    let id = listed.split("/keys/").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    assert_eq!(rules.post(&format!("/keys/{id}/revoke"), "").await.status, StatusCode::SEE_OTHER);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(Browser::new(&served, Some(secret)).get("/jobs").await.status, StatusCode::SEE_OTHER, "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_registers_tests_pauses_and_removes_webhooks() {
    let served = Served::start(TINY);
    let browser = Browser::new(&served, served.key.clone());
    let refused = browser.post("/webhooks", "url=http%3A%2F%2F127.0.0.1%2Fx").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "nothing is told to addresses of this machine");
    assert!(refused.text.contains("id=\"url-wrong\"") && refused.text.contains("value=\"http://127.0.0.1/x\""), "{}", refused.text);
    let taken = browser.post("/webhooks", "url=https%3A%2F%2Fhooks.example.com%2F%3Ca%3E").await;
    assert_eq!((taken.status, taken.header(LOCATION)), (StatusCode::SEE_OTHER, "/webhooks"), "{}", taken.text);
    let shown = page("/webhooks", &browser.get("/webhooks").await);
    assert!(shown.contains("hooks.example.com") && shown.contains("whsec_"), "{shown}");
    let id = shown.split("/webhooks/").find_map(|rest| rest.strip_prefix("hook_")).and_then(|rest| rest.split('/').next()).unwrap();
    for what in ["test", "off", "on", "remove"] {
        assert_eq!(browser.post(&format!("/webhooks/hook_{id}/{what}"), "").await.status, StatusCode::SEE_OTHER, "{what}");
    }
    assert_eq!(browser.post(&format!("/webhooks/hook_{id}/else"), "").await.status, StatusCode::NOT_FOUND);
    assert!(!page("/webhooks", &browser.get("/webhooks").await).contains("Who is told"), "it is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_shows_names_as_text_on_every_page() {
    let served = Served::start(TINY);
    // A file's name may hold anything but a slash.
    reference(&served.program, "<img src=x onerror=alert(1)>\"'&");
    let picture = served.program.path("p.png");
    image::RgbImage::from_pixel(40, 60, image::Rgb([9, 90, 200])).save(&picture).unwrap();
    let subject = "<img src=x onerror=alert(1)>";
    let put = ["put", picture.to_str().unwrap(), "--kind", "workspace_image", "--subject", subject, "--title", NASTY];
    served.program.run(&put).expect(0);
    let browser = Browser::new(&served, served.key.clone());
    let named = NASTY.replace('<', "%3C").replace('>', "%3E").replace('/', "%2F");
    assert_eq!(browser.post("/keys", &format!("name={named}&scope=read")).await.status, StatusCode::OK);
    let (_, listed) = served.get("/api/v1/pipeline/jobs").await;
    assert_eq!(listed["count"], 0, "a file put in is no production");
    let jobs = browser.get("/jobs").await.text;
    let job = jobs.split('"').find(|part| part.starts_with("/jobs/")).unwrap().to_owned();
    let shown = browser.get(&job).await.text;
    let asset = shown.split('"').find(|part| part.starts_with("/assets/")).unwrap().to_owned();
    let wished = format!("/start?count={named}&style={named}&reference={named}");
    let mut paths: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
    paths.extend([
        job,
        asset,
        wished,
        format!("/jobs?state={named}&after={named}"),
        format!("/characters?after={named}"),
        format!("/deliveries?destination={named}"),
    ]);
    for path in &paths {
        let text = page(path, &browser.get(path).await);
        assert!(!text.contains("<img src=x") && !text.contains("<script>"), "{path}: {text}");
    }
    for path in [
        format!("/jobs/{named}"),
        format!("/characters/{named}"),
        format!("/assets/{named}"),
        format!("/login?next={named}"),
        format!("/{named}"),
    ] {
        let text = browser.get(&path).await.text;
        assert!(!text.contains("<img src=x") && !text.contains("<script>"), "{path}: {text}");
    }
    let start = browser.get("/start").await.text;
    assert!(start.contains("&#60;img src=x onerror=alert(1)&#62;"), "the library's name is shown as it is: {start}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_gives_previews_and_samples_and_no_other_file() {
    let served = Served::start(TINY);
    reference(&served.program, "step");
    let browser = Browser::new(&served, served.key.clone());
    let film = browser.send(Method::GET, "/ui/references/step", None, &[(RANGE, "bytes=0-99")]).await;
    assert_eq!((film.status, film.header(CONTENT_TYPE)), (StatusCode::PARTIAL_CONTENT, "video/mp4"));
    assert_eq!(browser.get("/ui/references/step.jpg").await.header(CONTENT_TYPE), "image/jpeg");
    let sample = browser.get("/ui/styles/lofi").await;
    assert_eq!((sample.status, sample.header(CONTENT_TYPE)), (StatusCode::OK, "audio/flac"));
    for path in [
        "/ui/references/..%2F..%2Frushes.db",
        "/ui/references/%2Fetc%2Fpasswd",
        "/ui/references/step%00",
        "/ui/references/..",
        "/ui/styles/..%2Flofi",
        "/ui/thumbs/..%2F..%2Frushes.db",
        "/ui/files/x/..%2Fpages%2Fshell.html",
        "/ui/files/x/rushes.rs",
        "/nothing/here",
    ] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let lost = browser.get("/nothing/here").await;
    assert!(lost.header(CONTENT_TYPE).starts_with("text/html") && lost.text.contains("There is nothing here"), "{}", lost.text);
    let program = browser.client.get(format!("{}/nothing/here", served.url)).send().await.unwrap();
    assert_eq!(program.headers()[CONTENT_TYPE], "application/problem+json", "programs are told as they know it");
}
