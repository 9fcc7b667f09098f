//! Who is calling: the bearer token of a request, checked for this very request.

use sha2::{Digest as _, Sha256};

use crate::domain::secret::Secret;
use crate::domain::user::{Admin, Caller};
use crate::domain::{Error, Result};
use crate::http::context::Context;
use crate::http::limits::TOKEN_BYTES;
use crate::http::wire::request::Request;

/// Errors: `Unauthenticated` without a good token.
pub(crate) fn caller(context: &Context, req: &Request) -> Result<Caller> {
    context.services.accounts.authenticate(bearer(req)?)
}

/// Errors: `Unauthenticated`; `Forbidden` for all but administrators.
pub(crate) fn admin(context: &Context, req: &Request) -> Result<Admin> {
    Admin::of(caller(context, req)?)
}

/// Whether the request carries this token. Takes as long for a wrong one as for the right one.
pub(crate) fn is_token(req: &Request, token: &Secret) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    bearer(req).is_ok_and(|given| digest(given) == digest(token.expose()))
}

/// RFC 6750 section 2.1. The scheme's name is written in any case.
fn bearer(req: &Request) -> Result<&str> {
    let mut lines = req.headers.get_all("authorization");
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(Error::unauthenticated());
    };
    match line.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_BYTES => {
            Ok(token.trim_start_matches(' '))
        }
        _ => Err(Error::unauthenticated()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::{head, request};

    fn check(lines: &str, expected: Option<&str>) {
        let head = head::parse(format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes()).expect("a head");
        let req = request::build(head, ([127, 0, 0, 1], 1).into(), &[], "", String::new()).expect("a request");
        assert_eq!(bearer(&req).ok(), expected, "{lines}");
    }

    #[test]
    fn tokens() {
        check("", None);
        check("Authorization: Bearer abc\r\n", Some("abc"));
        check("authorization: bearer  abc\r\n", Some("abc"));
        check("Authorization: Basic abc\r\n", None);
        check("Authorization: Bearer\r\n", None);
        check("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", None);
        check(&format!("Authorization: Bearer {}\r\n", "x".repeat(TOKEN_BYTES + 1)), None);
    }
}
