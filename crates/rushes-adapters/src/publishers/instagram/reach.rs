//! Whether an address opens from outside, as far as that can be seen from its words.

use crate::webhook::guard::forbidden;
use reqwest::Url;
use rushes_core::{Code, Fault};
use std::net::IpAddr;

fn ip_of(address: &Url) -> Option<IpAddr> {
    address.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Whether it is this machine.
pub(super) fn is_loopback(address: &Url) -> bool {
    ip_of(address).map_or(address.host_str() == Some("localhost"), |ip| ip.is_loopback())
}

/// Why nobody outside can open it.
fn flaw(address: &Url) -> Option<&'static str> {
    if address.scheme() == "file" {
        return Some("is a file of this machine");
    }
    if !matches!(address.scheme(), "https" | "http") {
        return Some("is no address of the web");
    }
    if let Some(ip) = ip_of(address) {
        return forbidden(ip).map(|_| "is no address of the public internet");
    }
    let host = address.host_str().unwrap_or_default().trim_end_matches('.');
    let is_local = !host.contains('.') || [".localhost", ".local", ".internal"].iter().any(|end| host.ends_with(end));
    is_local.then_some("has a name that only this network knows")
}

/// Errors: `input_invalid` where the film could not be fetched.
pub(super) fn check(video_url: &str) -> Result<(), Fault> {
    let flaw = match Url::parse(video_url) {
        Ok(address) => flaw(&address),
        Err(_) => Some("is none"),
    };
    let Some(flaw) = flaw else { return Ok(()) };
    // What is behind the question mark may be a signature.
    let shown = video_url.split('?').next().unwrap_or_default();
    let reason = format!(
        "Instagram fetches the film by itself, and its address {flaw}; publish from a destination in a cloud with \
         access = \"signed\" or \"public\""
    );
    Err(Fault::new(Code::InputInvalid, "publish film").with("address", shown).because(reason))
}
