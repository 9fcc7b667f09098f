//! Turns a model's Markdown into HTML that a page may insert as it is: the browser needs neither a Markdown library
//! nor a sanitiser, because nothing but the tags and attributes written in [`writer`] can come out of here.
//!
//! What a page has to know:
//! - One string is one top-level block. It says its own language and direction where most of it is not English or runs
//!   from right to left; the container carries `lang="en"`.
//! - Raw HTML in the source comes out as text, except `br`, `sub`, `sup`, `kbd`, `details` and `summary`, which are
//!   always balanced. Pictures become links: nothing is loaded. Formulas are MathML.
//! - Addresses other than `http:`, `https:` and `mailto:` are dropped and their words stay.
//! - A code block is `figure.code > figcaption.code-head > span` (its language, perhaps empty) and `pre > code`. The
//!   copy button belongs to the page (it needs an icon's address and a word in the person's language): append it to
//!   `figcaption`, and take the text from `code`.
//! - Notes come last, as one block `div.footnotes`. Their ids carry a digest of the text, so that the notes of two
//!   messages on one page do not meet.
//!
//! Work and output are linear in the source: nesting is cut by [`normalize`], and cells that a table row does not have are
//! not written.

mod address;
mod escape;
mod live;
mod highlight;
mod language;
mod math;
mod normalize;
mod pieces;
mod writer;

#[cfg(test)]
mod corpus;

pub use live::Live;

/// One string of safe HTML for each top-level block of `markdown`.
pub fn blocks(markdown: &str) -> Vec<String> {
    let (mut place, mut blocks) = (pieces::Cursor::default(), Vec::new());
    while place.bytes < markdown.len() {
        blocks.extend(place.next(markdown));
    }
    blocks
}
