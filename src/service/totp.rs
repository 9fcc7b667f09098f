//! Codes of the second step: those of an app (RFC 6238: SHA-1, 6 digits, 30 seconds, which is what apps know), and recovery
//! codes.

use data_encoding::BASE32_NOPAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use totp_rs::{Algorithm, Builder, Totp};

use crate::domain::id::{hex, random_bytes};
use crate::domain::secret::Secret;
use crate::domain::{Error, Result};

/// Bytes of a secret: as many as SHA-1 has (RFC 4226 section 4).
const SECRET_BYTES: usize = 20;
const DIGITS: u8 = 6;
const STEP_S: u64 = 30;
/// A code of the period before or after is good as well: clocks differ, and people type slowly.
const SKEW: u16 = 1;
/// Recovery codes of an account.
pub(super) const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code, 5 bits each.
const RECOVERY_CHARS: usize = 12;
const ISSUER: &str = "Portagent";

/// What was typed, as far as its form says.
pub(super) enum Typed {
    /// Six digits of an app.
    App(String),
    /// The digest of a recovery code.
    Recovery(String),
    Neither,
}

pub(super) fn new_secret() -> Secret {
    Secret::new(BASE32_NOPAD.encode(&random_bytes::<SECRET_BYTES>()))
}

/// Spaces and hyphens are for people.
pub(super) fn typed(code: &str) -> Typed {
    let plain: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64).collect();
    let plain = plain.to_ascii_lowercase();
    match plain.len() {
        6 if plain.bytes().all(|byte| byte.is_ascii_digit()) => Typed::App(plain),
        RECOVERY_CHARS => Typed::Recovery(digest(&plain)),
        _ => Typed::Neither,
    }
}

/// Which period a code belongs to, of those that are good at this moment. Errors: `Internal` for a secret that is none.
pub(super) fn step_of(secret: &Secret, code: &str, now_ms: i64) -> Result<Option<i64>> {
    let seconds = u64::try_from(now_ms / 1000).unwrap_or_default();
    Ok(totp(secret)?.check(code, seconds).and_then(|step| i64::try_from(step).ok()))
}

fn totp(secret: &Secret) -> Result<Totp> {
    let bytes = BASE32_NOPAD.decode(secret.expose().as_bytes()).map_err(Error::internal)?;
    let bytes: [u8; SECRET_BYTES] = bytes.try_into().map_err(|_| Error::internal("a secret of another length"))?;
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP_S)
        .with_secret(totp_rs::Secret::new_stack(bytes))
        .build()
        .map_err(|error| Error::internal(error.to_string()))
}

/// What apps read from the picture: the form of the Key URI that they agree on.
pub(super) fn uri(secret: &Secret, username: &str) -> Secret {
    let name = utf8_percent_encode(username, NON_ALPHANUMERIC);
    Secret::new(format!("otpauth://totp/{ISSUER}:{name}?secret={}&issuer={ISSUER}", secret.expose()))
}

/// A QR code as an SVG picture, black on white with the quiet zone that scanners need. Errors: `Internal` for a text that
/// is too long.
pub(super) fn qr(text: &Secret) -> Result<String> {
    const QUIET: usize = 4;
    let code = fast_qr::QRBuilder::new(text.expose()).build().map_err(|error| Error::internal(format!("{error:?}")))?;
    let mut path = String::new();
    for y in 0..code.size {
        for x in (0..code.size).filter(|x| code[y][*x].value()) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    let side = code.size + 2 * QUIET;
    Ok(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{path}"/></svg>"##
    ))
}

/// Fresh recovery codes, in groups of four.
pub(super) fn recovery_codes() -> Vec<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let one = || -> Vec<char> {
        random_bytes::<RECOVERY_CHARS>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
    };
    let grouped = |code: Vec<char>| code.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-");
    (0..RECOVERY_CODES).map(|_| grouped(one())).collect()
}

pub(super) fn digests(codes: &[String]) -> Vec<String> {
    codes.iter().map(|code| digest(&code.replace('-', ""))).collect()
}

fn digest(code: &str) -> String {
    hex(&Sha256::digest(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::new(BASE32_NOPAD.encode(b"12345678901234567890"));
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            let step = seconds / 30;
            let at = |seconds: i64| step_of(&secret, code, seconds * 1000).expect("a secret");
            assert_eq!(
                (at(seconds), at(seconds + 30), at(seconds - 30)),
                (Some(step), Some(step), Some(step)),
                "{code}"
            );
            assert_eq!(at(seconds + 90), None, "{code}");
            assert!(seconds < 90 || at(seconds - 90).is_none(), "{code}"); // no clock stands before 1970
        }
        assert!(step_of(&Secret::new("no base32!"), "123456", 0).is_err());
    }

    #[test]
    fn what_is_typed_is_known_by_its_form() {
        assert!(matches!(typed(" 123 456 "), Typed::App(code) if code == "123456"));
        let codes = recovery_codes();
        assert!(matches!(typed(&codes[0].to_uppercase()), Typed::Recovery(digest) if digest == digests(&codes)[0]));
        assert_eq!(codes.iter().collect::<std::collections::HashSet<_>>().len(), RECOVERY_CODES);
        for neither in ["", "12345", "1234567", "\u{ff11}23456", &"x".repeat(10_000)] {
            assert!(matches!(typed(neither), Typed::Neither), "{neither}");
        }
    }

    #[test]
    fn the_picture_holds_the_longest_name() {
        let uri = uri(&new_secret(), &"名".repeat(64));
        assert!(uri.expose().starts_with("otpauth://totp/Portagent:%E5"));
        let picture = qr(&uri).expect("it fits");
        assert!(picture.starts_with("<svg") && picture.len() < 100_000, "{}", picture.len());
    }
}
