//! What is too much for a model is kept as a file in the conversation's work directory, where the agent can read it:
//! text beyond the limit, and pictures.

use std::ffi::OsStr;
use std::io::Write as _;

use super::output::{Output, TEXT_BYTES, sentence};
use crate::domain::id::{hex, random_bytes};
use crate::domain::{Error, Result};
use crate::workdirs::Dir;

/// Below the work directory.
const DIRECTORY: &str = "tool-results";
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Of a text that is kept as a file, the model gets this much of the beginning, in bytes, less than of one that fits:
/// it has to find room for what it reads of the file.
const EXCERPT_BYTES: usize = TEXT_BYTES / 4;

/// What the model gets of an output. `workdir` is opened where something has to be kept.
pub fn kept(output: Output, workdir: impl Fn() -> Result<Dir>) -> (String, bool) {
    let Output { mut text, pictures, is_error } = output;
    if is_error {
        let text = sentence(&text);
        return (if text.is_empty() { "The tool failed and did not say why".to_owned() } else { text }, true);
    }
    let is_kept = text.len() > TEXT_BYTES;
    if is_kept {
        let whole = keep(&workdir, "txt", text.as_bytes());
        let length = text.len();
        text.truncate((0..=EXCERPT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        let rest = whole.map_or_else(|error| error.message.into_owned(), |name| format!("all of it is in {name}"));
        text.push_str(&format!("\n[cut off after {} of {length} bytes; {rest}]", text.len()));
    }
    for picture in pictures {
        let extension = extension_of(&picture.media_type);
        let note = match keep(&workdir, extension, &picture.bytes) {
            Ok(name) => format!("a picture, kept as {name}"),
            Err(error) => format!("a picture that is lost: {}", error.message),
        };
        text.push_str(if text.is_empty() { "[" } else { "\n[" });
        text.push_str(&note);
        text.push(']');
    }
    (text, false)
}

/// Returns the name below the work directory.
fn keep(workdir: &impl Fn() -> Result<Dir>, extension: &str, bytes: &[u8]) -> Result<String> {
    let directory = workdir()?;
    let name = format!("{}.{extension}", hex(&random_bytes::<8>()));
    let write = || {
        let below = directory.dir_or_new(OsStr::new(DIRECTORY), DIRECTORY_MODE)?;
        below.new_file(OsStr::new(&name), FILE_MODE)?.write_all(bytes)
    };
    write().map_err(|cause| Error::unavailable("not_kept", "it could not be kept as a file").source(cause))?;
    Ok(format!("{DIRECTORY}/{name}"))
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
    use super::super::output::Picture;
    use super::*;

    fn check(output: Output) -> (String, bool, Vec<Vec<u8>>) {
        let home = tempfile::tempdir().expect("a directory");
        let (text, is_error) = kept(output, || Dir::open(home.path()).map_err(Error::internal));
        let files = std::fs::read_dir(home.path().join(DIRECTORY)).into_iter().flatten();
        let files = files.map(|file| std::fs::read(file.expect("an entry").path()).expect("reads")).collect();
        (text, is_error, files)
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
}
