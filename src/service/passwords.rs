//! Passwords: hashed and verified one at a time.
//!
//! argon2id with these parameters takes 19 MiB and some 30 ms. Fifty at once would take 0.9 GB; one after the other
//! they take 19 MiB and little more than a second, so that is what happens. A wait that would be too long is refused.
//! A turn at the gate is also what makes one guess follow another, so that guesses can be counted.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ipnet::IpNet;
use sha2::{Digest, Sha512};

use super::hash_queue::{HashQueue, HashTurn};
use crate::domain::id::{UserId, random_bytes};
use crate::domain::text::{normal_password, ways_to_write};
use crate::domain::{Error, Result};

/// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// glibc keeps freed memory for each of its arenas, several times 19 MiB, unless a piece is larger than 32 MiB; such a
/// one goes back to the kernel at once. Only what is used of it is ever touched.
const GIVEN_BACK_KIB: usize = 33 * 1024;
/// A stored hash may ask for at most this much.
const MOST_MEMORY_KIB: u32 = 64 * 1024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 4;
const MOST_BCRYPT_COST: u32 = 14;

/// Longer passwords were replaced by their SHA-512 in Portagent 1.9, since bcrypt reads no further.
const BCRYPT_READS_BYTES: usize = 72;

/// Hashes and compares; every hash goes through one queue.
#[derive(Default)]
pub(super) struct Passwords {
    queue: HashQueue,
}

/// How a password compared with a stored hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    /// Right, and the hash is of an older kind that should be replaced.
    RightButOld,
    Wrong,
}

impl Passwords {
    /// A new hash in PHC form, for a request from that network.
    ///
    /// Errors: `Unavailable` when too many are waiting.
    pub(super) fn hash(&self, password: &str, network: Option<IpNet>) -> Result<String> {
        let _turn = self.queue.enter(network, None)?;
        let salt: [u8; 16] = random_bytes();
        fresh_hash(&normal_password(password), &salt).map_err(unhashable)
    }

    /// Waits for a turn; no other hash or comparison runs before it is over.
    ///
    /// Errors: `Unavailable` when too many are waiting.
    pub(super) fn enter(&self, network: Option<IpNet>, account: Option<&UserId>) -> Result<Turn<'_>> {
        self.queue.enter(network, account).map(Turn)
    }
}

pub(super) struct Turn<'a>(#[expect(dead_code, reason = "held until the comparison is over")] HashTurn<'a>);

impl Turn<'_> {
    /// Compares. `None` stands for an account that does not exist, and takes the same time as one that does. Hashes
    /// that are older than the normal form were made of what was typed.
    pub(super) fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict> {
        let normal = normal_password(password);
        let verdict = verify_one(&normal, stored)?;
        if verdict != Verdict::Wrong {
            return Ok(verdict);
        }
        for typed in ways_to_write(password).iter().filter(|typed| **typed != normal) {
            if verify_one(typed, stored)? != Verdict::Wrong {
                return Ok(Verdict::RightButOld);
            }
        }
        Ok(Verdict::Wrong)
    }
}

fn verify_one(password: &str, stored: Option<&str>) -> Result<Verdict> {
    match stored {
        None => fresh_hash(password, &[0; 16]).map(|_| Verdict::Wrong).map_err(unhashable),
        Some(stored) if stored.starts_with("$2") => Ok(verify_bcrypt(password, stored)),
        Some(stored) => Ok(verify_argon2(password, stored)),
    }
}

fn fresh_hash(password: &str, salt: &[u8; 16]) -> Result<String, argon2::password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let (algorithm, version, salt) = (Algorithm::Argon2id, Version::V0x13, Salt::new(salt)?);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(&Argon2::new(algorithm, version, params.clone()), password, &salt, &mut output)?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(salt),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
}

fn verify_argon2(password: &str, stored: &str) -> Verdict {
    let Ok(hash) = PasswordHash::new(stored) else {
        log::warn!(target: "accounts", "a stored password hash has no form that is known here");
        return Verdict::Wrong;
    };
    let Ok(params) = Params::try_from(&hash) else { return Verdict::Wrong };
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
        log::warn!(target: "accounts", "a stored password hash asks for more memory or time than is allowed");
        return Verdict::Wrong;
    }
    let current = params.m_cost() == MEMORY_KIB && params.t_cost() == PASSES && params.p_cost() == LANES;
    match same_hash(password, &hash, params) {
        Ok(true) if current => Verdict::Right,
        Ok(true) => Verdict::RightButOld,
        _ => Verdict::Wrong,
    }
}

fn same_hash(password: &str, stored: &PasswordHash, params: Params) -> Result<bool, argon2::password_hash::Error> {
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from)?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..expected.len()).unwrap_or_default();
    fill(&Argon2::new(algorithm, version, params), password, salt, output)?;
    Ok(Output::new(output)? == *expected) // in constant time
}

fn fill(argon2: &Argon2<'_>, password: &str, salt: &[u8], output: &mut [u8]) -> Result<(), argon2::Error> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(GIVEN_BACK_KIB * 1024 / Block::SIZE));
    memory.resize(blocks, Block::new());
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory)
}

fn verify_bcrypt(password: &str, stored: &str) -> Verdict {
    let cost: u32 = stored.get(4..6).and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX);
    if cost > MOST_BCRYPT_COST {
        log::warn!(target: "accounts", "a stored bcrypt hash asks for more time than is allowed");
        return Verdict::Wrong;
    }
    let right = if password.len() > BCRYPT_READS_BYTES {
        bcrypt::verify(Sha512::digest(password.as_bytes()), stored)
    } else {
        bcrypt::verify(password.as_bytes(), stored)
    };
    if right.unwrap_or(false) { Verdict::RightButOld } else { Verdict::Wrong }
}

fn unhashable(cause: impl std::fmt::Display) -> Error {
    Error::internal(format!("cannot hash: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str, stored: Option<&str>, expected: Verdict) {
        assert_eq!(
            Passwords::default().enter(None, None).and_then(|turn| turn.verify(password, stored)).expect("not crowded"),
            expected,
            "{password}"
        );
    }

    #[test]
    fn ours_and_those_of_1_9() {
        let ours = Passwords::default().hash("秘密 secret", None).expect("hashes");
        assert!(ours.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{ours}");
        check("秘密 secret", Some(&ours), Verdict::Right);
        check("secret", Some(&ours), Verdict::Wrong);
        check("secret", None, Verdict::Wrong);
        check("secret", Some("nonsense"), Verdict::Wrong);
        let old = bcrypt::hash("secret123", 4).expect("hashes");
        check("secret123", Some(&old), Verdict::RightButOld);
        check("secret124", Some(&old), Verdict::Wrong);
        let long = "x".repeat(100);
        let digested = bcrypt::hash(Sha512::digest(long.as_bytes()), 4).expect("hashes");
        check(&long, Some(&digested), Verdict::RightButOld);
    }

    #[test]
    fn a_password_is_the_same_however_it_is_written() {
        let (composed, decomposed) = ("caf\u{e9} 123", "cafe\u{301} 123");
        let today = Passwords::default().hash(decomposed, None).expect("hashes");
        check(composed, Some(&today), Verdict::Right);
        check(decomposed, Some(&today), Verdict::Right);
        check("caf\u{e9}\u{3000}\u{ff11}\u{ff12}\u{ff13}", Some(&today), Verdict::Right);
        for typed in [composed, decomposed, "caf\u{e9} \u{ff11}23"] {
            let older = fresh_hash(typed, &[7; 16]).expect("hashes");
            check(typed, Some(&older), if typed == composed { Verdict::Right } else { Verdict::RightButOld });
            check("cafe 123", Some(&older), Verdict::Wrong);
        }
        let older = fresh_hash(decomposed, &[7; 16]).expect("hashes");
        check(composed, Some(&older), Verdict::RightButOld);
        let of_1_9 = bcrypt::hash(decomposed, 4).expect("hashes");
        check(composed, Some(&of_1_9), Verdict::RightButOld);
    }

    #[test]
    fn a_planted_hash_cannot_eat_the_machine() {
        let salt_and_hash = "c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        check("x", Some(&format!("$argon2id$v=19$m=4000000,t=2,p=1${salt_and_hash}")), Verdict::Wrong);
        check("x", Some(&format!("$argon2id$v=19$m=19456,t=4000000,p=1${salt_and_hash}")), Verdict::Wrong);
        check("x", Some("$2b$31$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Verdict::Wrong);
    }
}
