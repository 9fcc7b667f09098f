//! A person's message on its way in: what is accepted.

use crate::domain::message::Part;
use crate::domain::{Error, Kind, Result, limits};

/// Errors: `Invalid`, `TooLarge`.
pub(super) fn check_parts(parts: &[Part]) -> Result<()> {
    let mut bytes = 0_usize;
    for part in parts {
        match part {
            Part::Text(_) | Part::Image { .. } | Part::File { .. } | Part::Attachment(_) => bytes += part.weight(),
            _ => return Err(Error::invalid("invalid_content", "A message consists of text, images and files")),
        }
    }
    let empty = parts.iter().all(|part| matches!(part, Part::Text(text) if text.trim().is_empty()));
    if empty {
        return Err(Error::invalid("empty_message", "The message is empty"));
    }
    if bytes > limits::MESSAGE_BYTES {
        return Err(Error::new(
            Kind::TooLarge,
            "message_too_large",
            format!("A message has at most {} KiB", limits::MESSAGE_BYTES / 1024),
        ));
    }
    Ok(())
}
