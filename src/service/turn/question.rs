//! A person's message on its way in: what is accepted, and the name it gives to a conversation that has none.

use crate::domain::message::Part;
use crate::domain::{Error, Kind, Result, limits};

/// A conversation's name that is taken from its first message, in characters.
const TITLE_CHARS: usize = 60;

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

/// The first line of a message, as a name for its conversation.
pub(super) fn title(parts: &[Part]) -> String {
    let first = parts.iter().find_map(|part| match part {
        Part::Text(text) => text.lines().map(str::trim).find(|line| !line.is_empty()),
        _ => None,
    });
    let file = || {
        parts.iter().find_map(|part| if let Part::Attachment(file) = part { Some(file.name.as_str()) } else { None })
    };
    let line = first.or_else(file).unwrap_or_default().trim_start_matches(['#', '>', '-', '*', ' ', '`']);
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= TITLE_CHARS {
        return line;
    }
    let mut cut: String = line.chars().take(TITLE_CHARS - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_named_after_its_first_line() {
        let check = |text: &str, expected: &str| assert_eq!(title(&[Part::Text(text.to_owned())]), expected);
        check("\n\n## Hello  \nthere", "Hello");
        check("", "");
        check(&"长".repeat(100), &format!("{}…", "长".repeat(59)));
    }
}
