//! Types that are never opened, and texts that would have another file opened.

use super::samples::Samples;
use super::{Maker, noise};
use rushes_core::Code;

pub(super) fn add(maker: &mut Maker, samples: &Samples) {
    add_plain(maker, samples);
    add_playlists(maker, samples);
    add_disguised(maker, samples);
}

/// Other types, honestly named.
fn add_plain(maker: &mut Maker, samples: &Samples) {
    let forbidden = Code::FileForbidden;
    maker.refuse("empty.mp4", Code::FileEmpty, "no bytes at all", b"");
    maker.refuse("one_byte.mp4", forbidden, "one byte", b"\0");
    maker.refuse("words.txt", forbidden, "words", b"these are words, and nothing else\n");
    maker.refuse("page.html", forbidden, "a web page", b"<!doctype html><html><img src='secret.txt'></html>");
    maker.refuse("archive.zip", forbidden, "an archive", b"PK\x03\x04\x14\0\0\0\x08\0secret.txt");
    maker.refuse("paper.pdf", forbidden, "a document", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n");
    maker.refuse("program.elf", forbidden, "a program", &[&b"\x7fELF\x02\x01\x01\0"[..], &noise(400)].concat());
    maker.refuse("noise.bin", forbidden, "noise", &[&[0x01][..], &noise(4096)].concat());
    maker.refuse("shell.sh", forbidden, "a shell script", b"#!/bin/sh\ncat secret.txt\n");
    for (name, why) in [
        ("film.gif", "a moving GIF"),
        ("still.bmp", "a bitmap"),
        ("still.tiff", "a TIFF"),
        ("sound.ogg", "an Ogg"),
        ("film.avi", "an AVI"),
        ("film.ts", "a transport stream"),
        ("film.flv", "a Flash film"),
        ("film.h264", "a bare stream without a container"),
    ] {
        maker.refuse(name, forbidden, why, &samples.read(name));
    }
    maker.refuse("still.heic", forbidden, "HEIC, for which there is no decoder", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    maker.refuse("still.avif", forbidden, "AVIF, for which there is no decoder", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf");
}

/// What tells a player to open something else, under the name of a film.
fn add_playlists(maker: &mut Maker, samples: &Samples) {
    let forbidden = Code::FileForbidden;
    let url = maker.canary_url();
    let hls = |address: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n");
    let web = "http://127.0.0.1:9/secret.txt";
    maker.refuse("hls_file.mp4", forbidden, "a playlist of another file", hls(&url).as_bytes());
    maker.refuse("hls_passwd.mp4", forbidden, "a playlist of the system's users", hls("file:///etc/passwd").as_bytes());
    maker.refuse("hls_web.m3u8", forbidden, "a playlist of an address", hls(web).as_bytes());
    maker.refuse("hls_concat.mov", forbidden, "a playlist of joined files", hls(&format!("concat:{url}|{web}")).as_bytes());
    let key = format!("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"{url}\"\n#EXTINF:1,\nfirst.mp4\n#EXT-X-ENDLIST\n");
    maker.refuse("hls_key.mp4", forbidden, "a playlist whose key is another file", key.as_bytes());
    maker.refuse("list.m3u", forbidden, "a list of files", format!("{url}\n").as_bytes());
    maker.refuse("list.pls", forbidden, "a list of addresses", format!("[playlist]\nFile1={url}\n").as_bytes());
    maker.refuse("concat.mp4", forbidden, "a script that joins files", format!("ffconcat version 1.0\nfile '{url}'\n").as_bytes());
    maker.refuse("concat_plain.mp4", forbidden, "the same without its first line", b"file 'secret.txt'\n");
    let dash = format!(
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static' mediaPresentationDuration='PT2S'><Period><AdaptationSet mimeType='video/mp4'><Representation id='1' bandwidth='1'><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    );
    maker.refuse("dash.mpd", forbidden, "a manifest of another file", dash.as_bytes());
    maker.refuse("dash.mp4", forbidden, "the same under a film's name", dash.as_bytes());
    let drawing = format!("<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}'/></svg>");
    maker.refuse("drawing.svg", forbidden, "a drawing that shows another file", drawing.as_bytes());
    maker.refuse("drawing.png", forbidden, "the same under a picture's name", drawing.as_bytes());
    let entity = format!("<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM '{url}'>]><x>&e;</x>");
    maker.refuse("entity.xml", forbidden, "a document that includes another file", entity.as_bytes());
    maker.refuse("words.srt", forbidden, "subtitles", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n");
    maker.refuse("words.ass", forbidden, "subtitles with styles", b"[Script Info]\nScriptType: v4.00+\n");
    maker.refuse("call.sdp", forbidden, "a session description", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n");
    // A name that some programs take for a pattern, with a neighbour the pattern would find.
    maker.refuse("number001.png", forbidden, "the neighbour of a pattern", b"not a picture");
    maker.take("number%03d.png", super::picture("image/png", 128, 96), "a name like a pattern", &samples.read("still.png"));
}

/// The first bytes of one type before the text of another.
fn add_disguised(maker: &mut Maker, samples: &Samples) {
    let url = maker.canary_url();
    let playlist = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n");
    let concat = format!("ffconcat version 1.0\nfile '{url}'\n");
    let behind = |head: &[u8], text: &str| [head, text.as_bytes()].concat();
    let ftyp = b"\0\0\0\x14ftypisom\0\0\0\0isom";
    let tag = b"ID3\x03\0\0\0\0\0\0";
    maker.refuse("tag_hls.mp3", Code::FileForbidden, "a playlist behind a tag", &behind(tag, &playlist));
    maker.refuse("tag_concat.mp3", Code::FileForbidden, "a script behind a tag", &behind(tag, &concat));
    maker.refuse("brand_hls.mp4", Code::FileTruncated, "a playlist behind a brand", &behind(ftyp, &playlist));
    maker.refuse("ebml_hls.mkv", Code::FileCorrupt, "a playlist behind a container's first bytes", &behind(b"\x1a\x45\xdf\xa3", &playlist));
    maker.refuse("magic.png", Code::FileCorrupt, "a picture's first bytes before words", &behind(b"\x89PNG\r\n\x1a\n", &concat));
    maker.refuse(
        "magic.jpg",
        Code::FileTruncated,
        "a picture's first bytes before noise",
        &[&b"\xff\xd8\xff\xe0"[..], &noise(3000)].concat(),
    );
    maker.refuse(
        "magic.webp",
        Code::FileCorrupt,
        "a picture's first bytes before noise",
        &[&b"RIFF\xc0\x0b\0\0WEBPVP8 "[..], &noise(3000)].concat(),
    );
    maker.refuse("magic.flac", Code::FileCorrupt, "a sound's first bytes before noise", &[&b"fLaC"[..], &noise(3000)].concat());
    maker.take("picture.mp4", super::picture("image/png", 128, 96), "a picture under a film's name", &samples.read("still.png"));
    maker.take("film.jpg", super::film("video/mp4"), "a film under a picture's name", &samples.read("first.mp4"));
    maker.take("concat:a|b.mp4", super::film("video/mp4"), "a name like a protocol", &samples.read("first.mp4"));
    maker.take("-i.mp4", super::film("video/mp4"), "a name like an option", &samples.read("first.mp4"));
    let both = [samples.read("first.mp4"), b"PK\x03\x04 an archive behind a film".to_vec()].concat();
    maker.refuse("film_and_zip.mp4", Code::FileTruncated, "an archive behind a film, read as a part that is not there", &both);
}
