//! Frees a model of the one size it was exported for: its layers take any, only its declarations do not.
//!
//! An ONNX file is nested fields of Protocol Buffers: a tag, a length, bytes. In its graph the shapes of inputs lose their
//! height and width, those of outputs are taken away, and what was written down about the values in between goes.

use super::refuse;
use rushes_core::Fault;

/// The number of a field, its wire type, and its bytes: those it contains (type 2), or all of it.
type Field<'a> = (u64, u8, &'a [u8]);

const LENGTH_DELIMITED: u8 = 2;

/// A model of one input, an image (planes, then rows), for any height and width. Errors: `faces_off` for what is no ONNX.
pub(crate) fn free(model: &[u8]) -> Result<Vec<u8>, Fault> {
    const GRAPH: u64 = 7;
    rewrite(model, |field, content| if field == GRAPH { graph(content).map(Some) } else { Some(Some(content.to_vec())) })
        .ok_or_else(|| refuse("open model", "it is no ONNX"))
}

fn graph(content: &[u8]) -> Option<Vec<u8>> {
    const INPUT: u64 = 11;
    const OUTPUT: u64 = 12;
    const IN_BETWEEN: u64 = 13;
    rewrite(content, |field, content| match field {
        INPUT => declared(content, Some(&shape())).map(Some),
        OUTPUT => declared(content, None).map(Some),
        IN_BETWEEN => Some(None),
        _ => Some(Some(content.to_vec())),
    })
}

/// A value's declaration: its name, and that it holds f32 in this shape.
fn declared(content: &[u8], shape: Option<&[u8]>) -> Option<Vec<u8>> {
    let name = fields(content)?.into_iter().find(|(field, ..)| *field == 1)?.2;
    let mut tensor = vec![0x08, 1];
    if let Some(shape) = shape {
        put(&mut tensor, 2, shape);
    }
    let mut kind = Vec::new();
    put(&mut kind, 1, &tensor);
    let mut value = Vec::new();
    put(&mut value, 1, name);
    put(&mut value, 2, &kind);
    Some(value)
}

/// One picture of three planes, of any height and width.
fn shape() -> Vec<u8> {
    let mut shape = Vec::new();
    for side in [&[0x08, 1][..], &[0x08, 3], &[0x12, 1, b'h'], &[0x12, 1, b'w']] {
        put(&mut shape, 1, side);
    }
    shape
}

/// The same message with what `change` makes of each nested field; one it makes nothing of goes.
fn rewrite(message: &[u8], change: impl Fn(u64, &[u8]) -> Option<Option<Vec<u8>>>) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(message.len());
    for (field, wire, content) in fields(message)? {
        if wire != LENGTH_DELIMITED {
            written.extend(content);
        } else if let Some(content) = change(field, content)? {
            put(&mut written, field, &content);
        }
    }
    Some(written)
}

fn put(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    let mut number = |mut number: u64| {
        while number >= 0x80 {
            message.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        message.push(number as u8);
    };
    number(field << 3 | u64::from(LENGTH_DELIMITED));
    number(content.len() as u64);
    message.extend(content);
}

fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < message.len() {
        let begin = at;
        let tag = number(message, &mut at)?;
        let wire = (tag & 7) as u8;
        let length = match wire {
            0 => number(message, &mut at).map(|_| 0)?,
            1 => 8,
            LENGTH_DELIMITED => usize::try_from(number(message, &mut at)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let end = at.checked_add(length)?;
        found.push((tag >> 3, wire, message.get(if wire == LENGTH_DELIMITED { at } else { begin }..end)?));
        at = end;
    }
    Some(found)
}

fn number(message: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_leaves_all_but_declared_sizes() {
        let declared_640 = |name: &[u8]| {
            let mut value = Vec::new();
            put(&mut value, 1, name);
            put(&mut value, 2, &[0x0a, 2, 0x08, 1]);
            value
        };
        let mut inner = Vec::new();
        put(&mut inner, 1, b"a node");
        put(&mut inner, 11, &declared_640(b"input"));
        put(&mut inner, 12, &declared_640(b"output"));
        put(&mut inner, 13, &declared_640(b"between"));
        let mut model = vec![0x08, 7];
        put(&mut model, 7, &inner);
        let freed = free(&model).unwrap();
        let outer = fields(&freed).unwrap();
        assert_eq!((outer[0], outer[1].0), ((1, 0, &[0x08, 7][..]), 7));
        let inner = fields(outer[1].2).unwrap();
        assert_eq!(inner.iter().map(|field| field.0).collect::<Vec<_>>(), [1, 11, 12]);
        assert_eq!(inner[0].2, b"a node");
        assert_eq!(inner[1].2[..7], *b"\x0a\x05input");
        assert!(inner[1].2.ends_with(&[0x0a, 3, 0x12, 1, b'h', 0x0a, 3, 0x12, 1, b'w']));
    }

    #[test]
    fn free_refuses_what_is_no_model() {
        for wrong in [&b"\x07"[..], b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x3a\x05ab", &[0xff; 30]] {
            assert_eq!(free(wrong).unwrap_err().code, rushes_core::Code::FacesOff);
        }
    }
}
