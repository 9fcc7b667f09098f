//! Whether bytes are a whole picture, so that a tool's broken one is not sent: a provider would refuse it with every
//! later question.

use crate::domain::media::{Media, Sniffer};

/// What Anthropic takes, in pixels on each side.
const SIDE: u32 = 8000;

/// What kind of picture it is. `None` for one that is cut off, too large, or none that models know.
pub(super) fn media_of(bytes: &[u8]) -> Option<Media> {
    let mut sniffer = Sniffer::default();
    sniffer.take(bytes);
    let media = sniffer.media();
    let is_whole = match media {
        Media::Png => bytes.ends_with(b"IEND\xaeB`\x82") && fits(big(bytes, 16), big(bytes, 20)),
        Media::Gif => bytes.ends_with(b";") && fits(little(bytes, 6, 2), little(bytes, 8, 2)),
        Media::Jpeg => bytes.ends_with(b"\xff\xd9"),
        Media::Webp => little(bytes, 4, 4).is_some_and(|size| bytes.len() == size as usize + 8),
        _ => false,
    };
    is_whole.then_some(media)
}

fn fits(width: Option<u32>, height: Option<u32>) -> bool {
    [width, height].into_iter().all(|side| side.is_some_and(|side| (1..=SIDE).contains(&side)))
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let mut whole = [0; 4];
    whole[..length].copy_from_slice(bytes.get(at..at + length)?);
    Some(u32::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pictures_count() {
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01".as_slice(), b"\0\0\0\0IEND\xaeB`\x82"].concat();
        let check = |bytes: &[u8], expected: Option<Media>| assert_eq!(media_of(bytes), expected, "{bytes:?}");
        check(&png, Some(Media::Png));
        check(&png[..png.len() - 1], None);
        let mut wide = png.clone();
        wide[16] = 1;
        check(&wide, None);
        check(b"GIF89a\x01\0\x01\0;", Some(Media::Gif));
        check(b"GIF89a\x01\0\0\0;", None);
        check(b"GIF89a;", None);
        check(b"\xff\xd8\xff\xe0\xff\xd9", Some(Media::Jpeg));
        check(b"\xff\xd8\xff\xe0", None);
        check(b"RIFF\x06\0\0\0WEBPVP", Some(Media::Webp));
        check(b"RIFF\x07\0\0\0WEBPVP", None);
        check(b"%PDF-1.7", None);
        check(b"", None);
    }
}
