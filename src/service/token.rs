//! Tokens: JWT with HS256 (RFC 7515, RFC 7519), and nothing else of that world.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::id::{LoginId, UserId, hex};
use crate::domain::secret::Secret;
use crate::domain::user::Login;
use crate::domain::{Error, Result, clock, limits};

/// Longest token that is looked at, in bytes; ours have about 300.
const TOKEN_BYTES: usize = 4096;

/// Signs and checks tokens with one key.
pub(super) struct Tokens {
    key: Secret,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    /// Extensions that a reader must understand (RFC 7515 section 4.1.11). We know none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl Tokens {
    pub(super) fn new(key: Secret) -> Self {
        Self { key }
    }

    /// A token for a login that has begun; good for seven days.
    pub(super) fn issue(&self, user: &UserId, login: &LoginId) -> Result<String> {
        let now = clock::now_ms() / 1000;
        let lifetime = i64::try_from(limits::TOKEN_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims { sub: user.to_string(), iat: now, exp: now + lifetime, jti: Some(login.to_string()) };
        self.sign(&claims)
    }

    fn sign(&self, claims: &Claims) -> Result<String> {
        let header = Header { alg: "HS256".to_owned(), typ: Some("JWT".to_owned()), crit: None };
        let mut token = encode(&header)?;
        token.push('.');
        token.push_str(&encode(claims)?);
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&token)?.finalize().into_bytes());
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }

    /// Whose login a token speaks for. That it was signed here says nothing yet about whether it is still good.
    ///
    /// Errors: `Unauthenticated`.
    pub(super) fn read(&self, token: &str) -> Result<(UserId, Login)> {
        let claims = self.verified(token).ok_or_else(Error::unauthenticated)?;
        let now = clock::now_ms() / 1000;
        if claims.exp <= now {
            return Err(Error::unauthenticated());
        }
        let login = match claims.jti {
            Some(id) => Login::Ours(LoginId::from_outside(&id)),
            None => Login::Legacy {
                digest: hex(&Sha256::digest(token.as_bytes())),
                issued_at_s: claims.iat,
                expires_at_s: claims.exp,
            },
        };
        Ok((UserId::from_outside(&claims.sub), login))
    }

    fn verified(&self, token: &str) -> Option<Claims> {
        if token.len() > TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // The algorithm is ours to choose, not the token's: anything but HS256 is no token.
        let header = decode::<Header>(header)?;
        if header.alg != "HS256" || header.crit.is_some() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(signed).ok()?.verify_slice(&signature).ok()?;
        decode(claims)
    }

    fn mac(&self, text: &str) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes()).map_err(Error::internal)?;
        mac.update(text.as_bytes());
        Ok(mac)
    }
}

fn encode(part: &impl Serialize) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).map_err(Error::internal)?))
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(Secret::new("k".repeat(40)))
    }

    #[test]
    fn a_token_comes_back_and_a_changed_one_does_not() {
        let (user, login) = (UserId::random(), LoginId::random());
        let token = tokens().issue(&user, &login).expect("signs");
        assert_eq!(tokens().read(&token).expect("reads"), (user, Login::Ours(login)));
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ascii");
            // The last character of a segment may carry bits that mean nothing: then it is no valid base64.
            assert!(tokens().read(&changed).is_err(), "position {position}");
        }
        assert!(Tokens::new(Secret::new("other")).read(&token).is_err());
    }

    #[test]
    fn nothing_else_is_a_token() {
        let none = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(r#"{"sub":"x","iat":0,"exp":99999999999}"#)
        );
        for text in ["", ".", "..", "a.b.c", &none, &"a".repeat(10_000)] {
            assert!(tokens().read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_of_1_9_is_known_by_its_digest_and_an_old_one_is_dead() {
        let token = |exp| tokens().sign(&Claims { sub: "u".to_owned(), iat: 5, exp, jti: None }).expect("signs");
        let now = clock::now_ms() / 1000;
        let (user, login) = tokens().read(&token(now + 60)).expect("reads");
        assert_eq!(user.as_str(), "u");
        assert!(matches!(login, Login::Legacy { issued_at_s: 5, .. }));
        assert!(tokens().read(&token(now)).is_err());
    }
}
