//! Whether a file system can hold a database: tried out, since its name says little (a share may be mounted in many ways).

use std::path::Path;

use crate::domain::Result;
use crate::store::sqlite::open;

/// Makes a database like ours in an empty directory that is thrown away afterwards.
///
/// Errors: `Unavailable`, `no_shared_memory` where a write-ahead log cannot be used.
pub fn try_out(directory: &Path) -> Result<()> {
    let path = directory.join("try.db");
    open::new_private_file(&path)?;
    let conn = open::writer(&path)?;
    open::prepare_writer(&conn)?;
    Ok(conn.execute_batch("CREATE TABLE tried (it INTEGER); INSERT INTO tried VALUES (1)")?)
}
