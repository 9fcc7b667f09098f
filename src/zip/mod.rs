//! Zip archives as far as we need them: written in one pass into anything that takes bytes, and read from a file without
//! ever being unpacked to one. APPNOTE.TXT 6.3.10 is the format.

mod read;
mod write;

pub use read::{Archive, Entry};
pub use write::Writer;

/// Entries of one archive, written or read.
pub const ENTRIES: usize = 200_000;

const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;

/// Methods.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
