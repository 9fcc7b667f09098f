//! Ids are stored as text.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

use crate::domain::id::{ContainerId, ConversationId, FileId, LoginId, MessageId, SessionId, TurnId, UserId};

macro_rules! stored_as_text {
    ($($id:ident)*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.as_str().to_sql()
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                String::column_result(value).map(Self::from)
            }
        }
    )*};
}

stored_as_text! { ContainerId ConversationId FileId LoginId MessageId SessionId TurnId UserId }
