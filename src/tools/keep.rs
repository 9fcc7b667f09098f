//! What is too much for a model is kept as a file in the conversation's work directory, where the agent can read it:
//! text beyond the limit, and pictures.

use super::output::{Output, TEXT_BYTES, sentence};
use super::picture;
use crate::domain::Result;
use crate::domain::id::{hex, random_bytes};
use crate::domain::media::Media;
use crate::domain::tool::WorkFile;
use crate::workdirs::Place;

/// Below the work directory.
const DIRECTORY: &str = "tool-results";
/// Of a text that is kept as a file, the model gets this much of the beginning, in bytes, less than of one that fits:
/// it has to find room for what it reads of the file.
const EXCERPT_BYTES: usize = TEXT_BYTES / 4;

/// What is stored of an output: what the model gets, and the files that belong to it.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    pub text: String,
    pub is_error: bool,
    pub files: Vec<WorkFile>,
}

/// What the model gets of an output. `write` writes what has to be kept into the work directory.
pub fn kept(output: Output, write: &dyn Fn(&Place, &[u8]) -> Result<()>) -> Kept {
    let Output { mut text, pictures, mut files, is_error } = output;
    if is_error {
        let text = sentence(&text);
        let text = if text.is_empty() { "The tool failed and did not say why".to_owned() } else { text };
        return Kept { text, is_error, files };
    }
    if text.len() > TEXT_BYTES {
        let whole = keep(write, "txt", Media::Text, text.as_bytes());
        let length = text.len();
        text.truncate((0..=EXCERPT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        let rest = match &whole {
            Ok(file) => format!("all of it is in {}", file.path),
            Err(error) => format!("the rest is lost: {}", error.message),
        };
        text.push_str(&format!("\n[cut off after {} of {length} bytes; {rest}]", text.len()));
        files.extend(whole);
    }
    for picture in pictures {
        let media = picture::media_of(&picture.bytes);
        let extension = media.map_or_else(|| extension_of(&picture.media_type), |media| extension_of(media.as_str()));
        let note = match keep(write, extension, media.unwrap_or(Media::Binary), &picture.bytes) {
            Ok(file) => {
                let note = format!("a picture, kept as {}", file.path);
                files.push(file);
                note
            }
            Err(error) => format!("a picture that is lost: {}", error.message),
        };
        text.push_str(if text.is_empty() { "[" } else { "\n[" });
        text.push_str(&note);
        text.push(']');
    }
    Kept { text, is_error, files }
}

fn keep(write: &dyn Fn(&Place, &[u8]) -> Result<()>, extension: &str, media: Media, bytes: &[u8]) -> Result<WorkFile> {
    let path = format!("{DIRECTORY}/{}.{extension}", hex(&random_bytes::<8>()));
    write(&Place::parse(&path)?, bytes)?;
    Ok(WorkFile { path, media, size: bytes.len() as u64 })
}

fn extension_of(media_type: &str) -> &'static str {
    match media_type {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::output::Picture;
    use super::*;
    use crate::domain::Error;

    fn check(output: Output) -> (String, bool, Vec<Vec<u8>>) {
        let files = Mutex::new(Vec::new());
        let Kept { text, is_error, .. } = kept(output, &|place, bytes| {
            assert!(place.to_string().starts_with("tool-results/"), "{place}");
            files.lock().expect("no panic").push(bytes.to_vec());
            Ok(())
        });
        (text, is_error, files.into_inner().expect("no panic"))
    }

    #[test]
    fn what_fits_goes_to_the_model_as_it_is() {
        assert_eq!(check(Output::text("a\nb")), ("a\nb".to_owned(), false, Vec::new()));
        assert_eq!(check(Output::error("a\nb")), ("a b".to_owned(), true, Vec::new()));
        assert!(check(Output::error(" ")).0.contains("did not say why"));
    }

    #[test]
    fn what_does_not_is_kept() {
        let long = "é".repeat(TEXT_BYTES);
        let (text, is_error, files) = check(Output::text(long.clone()));
        assert!(text.len() < EXCERPT_BYTES + 200 && text.contains("all of it is in tool-results/"), "{}", text.len());
        assert_eq!((is_error, files), (false, vec![long.into_bytes()]));
        let picture = Picture { media_type: "image/png".to_owned(), bytes: vec![1, 2] };
        let (text, _, files) = check(Output { pictures: vec![picture], ..Output::text("Here:") });
        assert!(text.starts_with("Here:\n[a picture, kept as tool-results/") && text.ends_with(".png]"), "{text}");
        assert_eq!(files, [vec![1, 2]]);
    }
    #[test]
    fn what_cannot_be_kept_is_said() {
        let full = |_: &Place, _: &[u8]| Err(Error::unavailable("full", "There is no room"));
        let picture = Picture { media_type: "image/png".to_owned(), bytes: vec![1] };
        let output = Output { pictures: vec![picture], ..Output::text("x".repeat(TEXT_BYTES + 1)) };
        let Kept { text, files, .. } = kept(output, &full);
        assert!(files.is_empty());
        assert!(text.contains("the rest is lost: There is no room]"), "{}", text.len());
        assert!(text.ends_with("\n[a picture that is lost: There is no room]"), "{}", text.len());
    }
}
