//! Addresses that others can open, signed by Google's V4 process.
//!
//! Source: "V4 signing process with your own program" and Google's conformance tests for it, whose signatures a test verifies.

use super::GsDestination;
use crate::http::{encode_path, query_of};
use rushes_core::flow::hex;
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The longest an address may be valid by this signature.
const LINK_MAX: Duration = Duration::from_hours(7 * 24);

/// An address before it is signed.
struct Link<'a> {
    host: &'a str,
    /// Encoded, with its leading separator.
    path: &'a str,
    signer: &'a str,
    at_ms: i64,
    valid_s: u64,
}

/// `20261121T101500Z`
fn moment(at_ms: i64) -> String {
    let text = rfc3339(at_ms);
    text[..19].chars().filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect()
}

impl Link<'_> {
    /// The query but for its signature, and the text that is signed.
    fn query_and_text(&self) -> (String, String) {
        let moment = moment(self.at_ms);
        let scope = format!("{}/auto/storage/goog4_request", &moment[..8]);
        let query = query_of(
            &[
                ("X-Goog-Algorithm", "GOOG4-RSA-SHA256".to_owned()),
                ("X-Goog-Credential", format!("{}/{scope}", self.signer)),
                ("X-Goog-Date", moment.clone()),
                ("X-Goog-Expires", self.valid_s.to_string()),
                ("X-Goog-SignedHeaders", "host".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let canonical = format!("GET\n{}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", self.path, self.host);
        let text = format!("GOOG4-RSA-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        (query, text)
    }
}

impl GsDestination {
    fn link_path(&self, key: &str) -> String {
        format!("/{}/{}", encode_path(self.bucket()), encode_path(key))
    }

    pub(super) fn public_address(&self, key: &str) -> String {
        match &self.settings.public_base {
            Some(base) => format!("{}/{}", base.trim_end_matches('/'), encode_path(key)),
            None => format!("{}{}", self.base, self.link_path(key)),
        }
    }

    pub(super) async fn sign_link(&self, key: &str, valid: Duration) -> Result<String, Fault> {
        if valid > LINK_MAX {
            let reason = "an address is valid for at most seven days";
            return Err(Fault::new(Code::DestinationRefused, "sign address").with("key", key).because(reason));
        }
        let about = |fault: Fault| fault.with("bucket", self.bucket()).with("key", key);
        let signer = self.tokens.signer().await.map_err(about)?;
        let path = self.link_path(key);
        // Ports are not signed.
        let host = self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host);
        let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(host, _)| host);
        let link = Link { host, path: &path, signer: &signer, at_ms: self.tokens.now_ms(), valid_s: valid.as_secs().max(1) };
        let (query, text) = link.query_and_text();
        let signature = self.tokens.sign(text.as_bytes()).await.map_err(about)?;
        Ok(format!("{}{path}?{query}&X-Goog-Signature={}", self.base, hex(&signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    /// 1 February 2019, 9:00: the moment of the published examples.
    const FEBRUARY_1: i64 = 1_549_011_600_000;
    /// The public half of the key they are signed with.
    const KEY: &str = "3082010a0282010100ac3f3322ac8a2db5f436af28d098f5a871211e1a8edfed0e3fb4c4171e55c5ce8f77006814dadf9c9448fd2f99683612d5\
             abebe4faa9a7c83cf9434e32f23556c8c633cc634dac6456ff2698aa7aa52990b2d4eddb9a736357b1036c2fe313564b058d14dc76921df9fa4b\
             d343f0c5dd803d3fba54535b0ababd4f3fc3a8b9b58b14ee7d8b2e54139757d0eff7a63bd9d87021497b31d955ad0799e5ac747c16b28934b24c\
             10610348ccfdc917d0694798094f680d81ee8aa290deb0978ba0bcda5fb7149c39fe0809e72ee2c3c304ac2152b257184116c1573e9960a5a411\
             c261b3c046dffd7a6df6aa36eb0d943209f7d23b0e68a9527805fc712e95885fad0203010001";
    /// Hosts, paths and published signatures.
    const EXAMPLES: [(&str, &str, &str); 3] = [
        (
            "storage.googleapis.com",
            "/test-bucket/test-object",
            "95e6a13d43a1d1962e667f17397f2b80ac9bdd1669210d5e08e0135df9dff4e56113485dbe429ca2266487b9d1796ebdee2d7cf682a6ef3bb9fb\
             b4c351686fba90d7b621cf1c4eb1fdf126460dd25fa0837dfdde0a9fd98662ce60844c458448fb2b352c203d9969cb74efa4bdb742287744a4f2\
             308afa4af0e0773f55e32e92973619249214b97283b2daa14195244444e33f938138d1e5f561088ce8011f4986dda33a556412594db7c12fc40e\
             1ff3f1bedeb7a42f5bcda0b9567f17f65855f65071fabb88ea12371877f3f77f10e1466fff6ff6973b74a933322ff0949ce357e20abe96c3dd5c\
             fab42c9c83e740a4d32b9e11e146f0eb3404d2e975896f74",
        ),
        (
            "storage.googleapis.com",
            "/test-bucket//path/with/slashes/under_score/amper%26sand/file.ext",
            "2db8b70e3f85b39be7824f6d02be31af2e6a2eb63f6bb41254851f7ef51bdad8963a9d2b254f8379c1780c8e6898be002d4100a0abd3d45f1437\
             687fed65d15dd237c3a6f3c399c64ffd4e4cea7ef1c2f0391d35ecbeeaf3e3148d23c6f24c839cfcd92c1496332f5bfbbf1ed1e957eb45fad57d\
             f24828c96cf243eec23fba014d277c22a572708beb355888c5a8c0047cb3015d7f62cc90285676e7e34626fd0ce9ba5e0da39fc3de0035cc3ad1\
             20c46cb73db87246ae123f7a342c235e9480bd7d7e00c13b1e1bb7be5e2bce74d59a53505172463b48aefeedb48281d90874aa4177c881d3596e\
             d1067f02eaac13d810a7aed234c41978b1394d0ce3662f76",
        ),
        (
            "localhost",
            "/test-bucket/test-object",
            "66c8c0371ca7d933a0d50f110abdf4fc7e3e379329134f272ebe4aa8100ccd5f21cd56ca5ccffae5ed36c8d6840e7cac80c2e7d786cd85b10d0f\
             aea34cddf09d2e7eb7f5c7c53934e4bf8f5cd654bc3c1b5ee9e3f8ca2189cd225b445bb866563fc4bd0d0b4d116111655611d12ec18f2d854fd7\
             142d9afcc977dbd8f6d0524e4170506abf2b119bbe00d17697321d225162fabddb4ddae77781b4f3277a6b6fccfeb47d70b88537e5efb4160012\
             74aaeb1535b5aae757c997edc66d03898a5d08f767313d018d10992981d00e2a18ed9a6839b8a1ac7b3be1cab2e9511ba91e14a786443b59e9f2\
             1e1ae74a2c60106180646a764531fbe1fcd9c1e40550e56e",
        ),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn gs_links_are_what_the_published_signatures_sign() {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, bytes(KEY));
        let signer = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";
        for (host, path, signature) in EXAMPLES {
            let link = Link { host, path, signer, at_ms: FEBRUARY_1, valid_s: 10 };
            let (query, text) = link.query_and_text();
            key.verify(text.as_bytes(), &bytes(signature)).unwrap_or_else(|_| panic!("{host}{path}: {text}"));
            assert_eq!(
                query,
                "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=test-iam-credentials%40dummy-project-id.iam.gserviceaccount.com%2F20190201%2F\
                 auto%2Fstorage%2Fgoog4_request&X-Goog-Date=20190201T090000Z&X-Goog-Expires=10&X-Goog-SignedHeaders=host"
            );
            let later = Link { at_ms: FEBRUARY_1 + 1_000, ..link };
            assert!(key.verify(later.query_and_text().1.as_bytes(), &bytes(signature)).is_err());
        }
    }
}
