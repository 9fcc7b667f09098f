//! What is too much for a model is kept as a file in the conversation's work directory, where the agent can read it:
//! text beyond the limit, pictures, and whatever else is no text.

use super::output::{Blob, Output, TEXT_BYTES, sentence};
use super::picture;
use crate::domain::Result;
use crate::domain::id::{hex, random_bytes};
use crate::domain::media::{Media, Sniffer};
use crate::domain::tool::{Extras, WorkFile};
use crate::workdirs::Place;

/// Below the work directory.
const DIRECTORY: &str = "tool-results";
/// Of a text that is kept as a file, the model gets this much of the beginning, in bytes, less than of one that fits:
/// it has to find room for what it reads of the file.
const EXCERPT_BYTES: usize = TEXT_BYTES / 4;
/// Structured content of one result that is stored with it, in bytes. What is longer is kept as a file.
const STRUCTURED_BYTES: usize = 64 * 1024;

/// What is stored of an output: what the model gets, and the files that belong to it.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    pub text: String,
    pub is_error: bool,
    pub extras: Extras,
}

/// How a file is written into the work directory.
type Write<'a> = &'a dyn Fn(&Place, &[u8]) -> Result<()>;

/// What the model gets of an output. `write` writes what has to be kept into the work directory.
pub fn kept(output: Output, write: Write<'_>) -> Kept {
    let Output { mut text, blobs, mut extras, is_error } = output;
    let long = extras.structured.take_if(|json| json.len() > STRUCTURED_BYTES);
    if is_error {
        let text = sentence(&text);
        let text = if text.is_empty() { "The tool failed and did not say why".to_owned() } else { text };
        return Kept { text, is_error, extras };
    }
    // Where the server sent no other text, it is that already.
    let long = long.filter(|json| *json != text);
    shorten(&mut text, write, &mut extras.files);
    if let Some(json) = long {
        let made = keep(write, "json", Media::Text, json.as_bytes());
        note(&mut text, "its structured content", made, &mut extras.files);
    }
    for blob in blobs {
        let (what, made) = keep_blob(&blob, write);
        note(&mut text, &what, made, &mut extras.files);
    }
    Kept { text, is_error, extras }
}

/// Cuts a text that is too long for a model.
fn shorten(text: &mut String, write: Write<'_>, files: &mut Vec<WorkFile>) {
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
}

/// Says behind the text where something is, or that it is lost.
fn note(text: &mut String, what: &str, made: Result<WorkFile>, files: &mut Vec<WorkFile>) {
    let note = match &made {
        Ok(file) => format!("[{what}, kept as {}]", file.path),
        Err(error) => format!("[{what} that is lost: {}]", error.message),
    };
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&note);
    files.extend(made);
}

fn keep_blob(blob: &Blob, write: Write<'_>) -> (String, Result<WorkFile>) {
    let Blob { media_type, bytes } = blob;
    let media = media_of(bytes);
    let extension = if media.is_picture() { extension_of(media.as_str()) } else { extension_of(media_type) };
    let is_picture = media.is_picture() || media_type.starts_with("image/");
    let what = if is_picture { "a picture".to_owned() } else { format!("a file ({media_type})") };
    (what, keep(write, extension, media, bytes))
}

/// By the content. What is no whole picture is none.
fn media_of(bytes: &[u8]) -> Media {
    picture::media_of(bytes).unwrap_or_else(|| {
        let mut sniffer = Sniffer::default();
        sniffer.take(bytes);
        Some(sniffer.media()).filter(|media| !media.is_picture()).unwrap_or(Media::Binary)
    })
}

fn keep(write: Write<'_>, extension: &str, media: Media, bytes: &[u8]) -> Result<WorkFile> {
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
        "application/pdf" => "pdf",
        "application/json" => "json",
        "application/zip" => "zip",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" => "wav",
        "audio/ogg" => "ogg",
        "text/csv" => "csv",
        "text/html" => "html",
        "text/markdown" => "md",
        _ if media_type.starts_with("text/") => "txt",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
        let picture = Blob { media_type: "image/png".to_owned(), bytes: vec![1, 2] };
        let (text, _, files) = check(Output { blobs: vec![picture], ..Output::text("Here:") });
        assert!(text.starts_with("Here:\n[a picture, kept as tool-results/") && text.ends_with(".png]"), "{text}");
        assert_eq!(files, [vec![1, 2]]);
    }

    #[test]
    fn structured_content_is_stored_or_kept_and_repeated_to_no_model() {
        let with = |text: &str, json: &str| {
            let extras = Extras { structured: Some(json.to_owned()), ..Extras::default() };
            kept(Output { extras, ..Output::text(text) }, &|_, _| Ok(()))
        };
        let small = with("one", r#"{"n":1}"#);
        assert_eq!((small.text.as_str(), small.extras.structured.as_deref()), ("one", Some(r#"{"n":1}"#)));
        let long = format!("\"{}\"", "x".repeat(STRUCTURED_BYTES));
        let Kept { text, extras, .. } = with("much", &long);
        assert!(text.starts_with("much\n[its structured content, kept as tool-results/"), "{text}");
        assert!(extras.structured.is_none() && extras.files[0].path.ends_with(".json"));
        let Kept { text, extras, .. } = with(&long, &long);
        assert_eq!((text, extras), (long, Extras::default()));
    }

    #[test]
    fn what_is_no_text_is_a_file_of_its_kind() {
        let check = |media_type: &str, bytes: &[u8], what: &str, end: &str, media: Media| {
            let blob = Blob { media_type: media_type.to_owned(), bytes: bytes.to_vec() };
            let Kept { text, extras, .. } = kept(Output { blobs: vec![blob], ..Output::default() }, &|_, _| Ok(()));
            assert!(text.starts_with(&format!("[{what}, kept as tool-results/")), "{text}");
            assert!(text.ends_with(&format!("{end}]")), "{text}");
            assert_eq!(extras.files[0].media, media, "{media_type}");
        };
        check("application/pdf", b"%PDF-1.7\n", "a file (application/pdf)", ".pdf", Media::Pdf);
        check("audio/wav", b"RIFF\0\0\0\0WAVE", "a file (audio/wav)", ".wav", Media::Binary);
        check("text/x-log", b"one line", "a file (text/x-log)", ".txt", Media::Text);
        check("../../etc", b"GIF89a\x01\0\x01\0;", "a picture", ".gif", Media::Gif);
        check("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture", ".png", Media::Binary);
    }

    #[test]
    fn what_cannot_be_kept_is_said() {
        let full = |_: &Place, _: &[u8]| Err(Error::unavailable("full", "There is no room"));
        let picture = Blob { media_type: "image/png".to_owned(), bytes: vec![1] };
        let output = Output { blobs: vec![picture], ..Output::text("x".repeat(TEXT_BYTES + 1)) };
        let Kept { text, extras, .. } = kept(output, &full);
        assert!(extras.files.is_empty());
        assert!(text.contains("the rest is lost: There is no room]"), "{}", text.len());
        assert!(text.ends_with("\n[a picture that is lost: There is no room]"), "{}", text.len());
    }
}
