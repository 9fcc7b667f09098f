//! A message's content as a person sends it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::attachment::Attachment;
use crate::domain::id::{ConversationId, FileId};
use crate::domain::media::Media;
use crate::domain::message::Part;
use crate::domain::{Error, Kind, Result};
use crate::service::SendMessage;
use crate::ws::protocol::{Request, invalid_data};

/// Parts of one message.
const PARTS: usize = 64;

/// The message of a request that sends one.
pub(super) fn written(request: &Request<'_>) -> Result<SendMessage> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        image_id: String,
        #[serde(borrow)]
        content: &'a RawValue,
        client_message_id: Option<String>,
    }
    let data: Data<'_> = request.data()?;
    Ok(SendMessage {
        conversation_id: ConversationId::from_outside(&data.image_id),
        parts: parts(data.content)?,
        client_message_id: data.client_message_id,
    })
}

/// A message's content: a text, or parts as a person may send them.
fn parts(content: &RawValue) -> Result<Vec<Part>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Incoming {
        #[serde(rename = "type")]
        kind: String,
        text: Option<String>,
        data: Option<String>,
        media_type: Option<String>,
        file_id: Option<String>,
        name: Option<String>,
        filename: Option<String>,
    }
    let json = content.get();
    if json.starts_with('"') {
        return Ok(vec![Part::Text(serde_json::from_str(json).map_err(|error| invalid_data(&error))?)]);
    }
    let incoming: Vec<Incoming> = serde_json::from_str(json).map_err(|error| invalid_data(&error))?;
    if incoming.len() > PARTS {
        return Err(Error::new(Kind::TooLarge, "too_many_parts", format!("A message can have {PARTS} parts at most")));
    }
    let lacks = |field: &str| Error::invalid("invalid_data", format!("A part of `content` lacks its `{field}`"));
    incoming
        .into_iter()
        .map(|part| match part.kind.as_str() {
            "text" => part.text.map(Part::Text).ok_or_else(|| lacks("text")),
            "file" if part.file_id.is_some() => {
                let id = FileId::from_outside(&part.file_id.unwrap_or_default());
                // What else is known of it stands in its row.
                Ok(Part::Attachment(Attachment { id, name: String::new(), media: Media::Binary, size: 0 }))
            }
            "image" | "file" => {
                let media_type = part.media_type.ok_or_else(|| lacks("mediaType"))?;
                let data = part.data.ok_or_else(|| lacks("data"))?;
                Ok(match part.kind.as_str() {
                    "image" => Part::Image { media_type, data, name: part.name },
                    _ => Part::File { media_type, data, filename: part.filename },
                })
            }
            _ => Err(Error::invalid("unknown_part", "A part of `content` must be a text, an image or a file")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_a_text_or_parts() {
        let check = |json: &str, expected: Result<usize, &str>| {
            let content: &RawValue = serde_json::from_str(json).expect("JSON");
            assert_eq!(
                parts(content).map(|parts| parts.len()).map_err(|error| error.code.as_str()),
                expected,
                "{json}"
            );
        };
        check(r#""hello""#, Ok(1));
        check(r#"[{"type":"text","text":"a"},{"type":"image","data":"AA==","mediaType":"image/png"}]"#, Ok(2));
        check(r#"[{"type":"file","data":"AA==","mediaType":"text/plain","filename":"a"}]"#, Ok(1));
        check(r#"[{"type":"file","fileId":"file_1"}]"#, Ok(1));
        check("[]", Ok(0));
        check("{}", Err("invalid_data"));
        check("null", Err("invalid_data"));
        check("5", Err("invalid_data"));
        check(r#"["a"]"#, Err("invalid_data"));
        check(r#"[{"type":"text"}]"#, Err("invalid_data"));
        check(r#"[{"type":"image","data":"AA=="}]"#, Err("invalid_data"));
        check(r#"[{"type":"tool-call","text":"a"}]"#, Err("unknown_part"));
        check(&format!("[{}]", vec![r#"{"type":"text","text":"a"}"#; PARTS + 1].join(",")), Err("too_many_parts"));
    }
}
