//! What is made: always the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A red picture of two by three pixels.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR42mP4z8AARAwoFABE0AX7TM5xDwAAAABJRU5ErkJggg==";
const RATE_HZ: u32 = 8_000;

pub(super) fn character() -> Value {
    json!({
        "given_names": ["Mika", "Nova", "Juno", "Tara", "Lena"], "family_names": ["Sol", "Vale", "Reyes", "Okafor"], "age": 26,
        "tagline": "a bold dancer of the city", "traits": ["long wavy hair", "teal hair", "amber eyes", "streetwear"], "cannot": "",
    })
}

pub(super) fn gemini(parts: &Value, end: &str) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": end, "index": 0}], "modelVersion": "test"})
}

pub(super) fn gemini_text() -> Value {
    gemini(&json!([{"text": "let me think", "thought": true}, {"text": character().to_string()}]), "STOP")
}

/// An answer in the shape of this schema, whether its types are in capitals or not: as many as must be, each named after its field.
pub(super) fn shaped(schema: &Value, name: &str) -> Value {
    let kind = schema["type"].as_str().unwrap_or_default().to_lowercase();
    match kind.as_str() {
        "object" => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, field)| (name.clone(), shaped(field, name))).collect()
        }
        "array" => {
            let least = schema["description"].as_str().and_then(|words| words.split(' ').next()?.parse().ok()).unwrap_or(1);
            (0..least).map(|_| shaped(&schema["items"], name)).collect()
        }
        _ if name == "cannot" => json!(""),
        _ => json!(format!("a {} of the test model", name.replace('_', " "))),
    }
}

pub(super) fn gemini_picture() -> Value {
    gemini(&json!([{"text": "Here it is:"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]), "STOP")
}

pub(super) fn chat(words: &str, end: &str) -> Value {
    json!({"id": "c", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": end, "message": {"role": "assistant", "content": words}}]})
}

/// One frame of MPEG-1 layer III at 128 kbit/s, silent, so many times.
pub(super) fn mp3() -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    frame.repeat(8)
}

/// A tenth of a second of silence.
fn wav() -> Vec<u8> {
    let samples = vec![0_u8; RATE_HZ as usize / 5];
    let size = u32::try_from(samples.len()).expect("a tenth of a second");
    let head: [&[u8]; 12] = [
        b"RIFF",
        &(36 + size).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &RATE_HZ.to_le_bytes(),
        &(RATE_HZ * 2).to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &size.to_le_bytes(),
    ];
    [head.concat(), samples].concat()
}

pub(super) fn lyria() -> Value {
    json!({"predictions": [{"bytesBase64Encoded": STANDARD.encode(wav()), "mimeType": "audio/wav"}], "model": "lyria-002"})
}

pub(super) fn minimax() -> Value {
    let audio: String = mp3().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "data": {"audio": audio, "status": 2}, "trace_id": "t", "analysis_info": null, "base_resp": {"status_code": 0, "status_msg": "success"},
        "extra_info": {"music_duration": 209, "music_sample_rate": 44_100, "music_channel": 2, "bitrate": 128_000, "music_size": 3_336},
    })
}

pub(super) fn minimax_refuses(code: i64, words: &str) -> Value {
    json!({"data": null, "trace_id": "t", "base_resp": {"status_code": code, "status_msg": words}})
}
