//! A row's values out of its bytes (format description, section 2.1).

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::page::varint;

/// SQLite's own limit.
const COLUMNS_MOST: usize = 2000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// The values; `None` where the bytes are no whole record. Text that is not UTF-8 any more has marks where it is broken.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Value>> {
    let (header_bytes, mut at) = varint(bytes, 0)?;
    let header_bytes = usize::try_from(header_bytes).ok().filter(|length| *length <= bytes.len())?;
    let header = &bytes[..header_bytes];
    let (mut values, mut body) = (Vec::new(), header_bytes);
    while at < header_bytes {
        let (kind, next) = varint(header, at)?;
        at = next;
        let length = length_of(kind)?;
        let content = bytes.get(body..body.checked_add(length)?)?;
        body += length;
        values.push(value(kind, content));
        if values.len() > COLUMNS_MOST {
            return None;
        }
    }
    (body == bytes.len() && !values.is_empty()).then_some(values)
}

fn length_of(kind: i64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        12.. => usize::try_from((kind - 12) / 2).ok()?,
        _ => return None,
    })
}

fn value(kind: i64, content: &[u8]) -> Value {
    match kind {
        0 => Value::Null,
        8 => Value::Int(0),
        9 => Value::Int(1),
        7 => Value::Real(f64::from_bits(integer(content).cast_unsigned())),
        1..=6 => Value::Int(integer(content)),
        _ if kind % 2 == 0 => Value::Blob(content.to_vec()),
        _ => Value::Text(String::from_utf8_lossy(content).into_owned()),
    }
}

/// Big-endian, with its sign.
fn integer(content: &[u8]) -> i64 {
    let sign = content.first().map_or(0, |first| first.cast_signed() >> 7);
    content.iter().fold(i64::from(sign), |number, byte| number << 8 | i64::from(*byte))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Value {
    /// For a row whose table is not known: something that can be read with `sqlite3`.
    pub(super) fn as_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Int(number) => (*number).into(),
            Self::Real(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Blob(bytes) => format!("x'{}'", crate::domain::id::hex(bytes)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind() {
        let check = |bytes: &[u8], expected: Option<Vec<Value>>| assert_eq!(decode(bytes), expected, "{bytes:?}");
        check(&[4, 0, 8, 9], Some(vec![Value::Null, Value::Int(0), Value::Int(1)]));
        check(&[2, 1, 0xff], Some(vec![Value::Int(-1)]));
        check(&[2, 2, 0x01, 0x00], Some(vec![Value::Int(256)]));
        check(&[3, 15, 16, b'a', 1, 2], Some(vec![Value::Text("a".to_owned()), Value::Blob(vec![1, 2])]));
        check(&[2, 15, 0xff], Some(vec![Value::Text("\u{fffd}".to_owned())]));
        check(&[2, 7, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], Some(vec![Value::Real(1.0)]));
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bytes in [&[][..], &[9], &[2, 10], &[2, 1], &[2, 1, 1, 1], &[1], &[0x81], &[3, 0x8f], &[2, 0xff]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
