//! The code with which the first administrator registers, as the running server left it for the command line: new at
//! every start, gone once there is an account.

use crate::domain::secret::Secret;
use crate::domain::{Error, Kind, Result};
use crate::store::Store;

const KEY: &str = "setup.code";

pub(super) fn keep(store: &Store, code: Option<&Secret>) -> Result<()> {
    let code = code.map(|code| code.expose().to_owned());
    if code.is_none() && store.setting(KEY)?.is_none() {
        return Ok(());
    }
    store.set_setting(KEY, code)
}

/// Errors: `Conflict` where there is an account; `NotFound` where no server was started yet.
pub fn read(store: &Store) -> Result<String> {
    if store.has_users()? {
        return Err(Error::conflict("setup_done", "there is an account already: no setup code is needed")
            .hint("`portagent user list` shows who is an administrator"));
    }
    store.setting(KEY)?.ok_or_else(|| {
        Error::new(Kind::NotFound, "no_setup_code", "no server was started on this directory yet: it makes the code")
            .hint("start it, or create the account here: `portagent user add NAME --admin --generate`")
    })
}
