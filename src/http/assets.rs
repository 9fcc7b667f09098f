//! The page's files, inside the binary. `build.rs` joins, compresses and hashes them.
//!
//! One hash over all of them is part of their address, `/assets/<hash>/…`, so that they may be kept for ever and
//! modules find each other by relative paths. The page itself is asked for anew each time and names the hash.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::domain::id::hex;
use crate::http::wire::failure::{Failure, HandlerResult};
use crate::http::wire::request::Request;
use crate::http::wire::response::{Body, Response};

mod embedded {
    use super::File;

    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

/// A year: RFC 9111 gives no more meaning to longer.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked about each time.
const ASK: &str = "no-cache";

const PAGE: &str = "index.html";

/// One file as it was built.
pub(crate) struct File {
    /// Below `static/`, with slashes.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    /// Has `{{base}}` and `{{assets}}` in it, which only a running server knows.
    pub(crate) is_template: bool,
    pub(crate) plain: &'static [u8],
    /// Where it is smaller. Of a template: filled in for a server without a sub-path.
    pub(crate) gzip: Option<&'static [u8]>,
}

pub(crate) struct Assets {
    files: &'static [File],
    hash: &'static str,
    /// The templates among `files`, filled in.
    templates: Vec<Template>,
}

struct Template {
    path: &'static str,
    text: Arc<[u8]>,
    etag: String,
    gzip: Option<&'static [u8]>,
}

impl Assets {
    pub(crate) fn embedded(base_path: &str) -> Self {
        Self::new(embedded::FILES, embedded::HASH, base_path)
    }

    /// `files` are sorted by path.
    fn new(files: &'static [File], hash: &'static str, base_path: &str) -> Self {
        let templates =
            files.iter().filter(|file| file.is_template).map(|file| fill_in(file, hash, base_path)).collect();
        Self { files, hash, templates }
    }

    /// The page's files, and for every path without a dot the page itself, which finds its way from there.
    pub(crate) fn answer(&self, req: &Request) -> HandlerResult {
        let path = req.path.trim_start_matches('/');
        if let Some((hash, file)) = path.strip_prefix("assets/").and_then(|rest| rest.split_once('/')) {
            // An older page asks for what this binary does not have: mixing two versions would break both.
            return if hash == self.hash { self.file(req, file, FOR_EVER) } else { Err(Failure::no_such_path()) };
        }
        let is_page = !path.rsplit('/').next().unwrap_or_default().contains('.') && !path.starts_with("assets/");
        self.file(req, if is_page { PAGE } else { path }, ASK)
    }

    fn file(&self, req: &Request, path: &str, cache: &'static str) -> HandlerResult {
        let found = self.files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &self.files[at]);
        let file = found.ok_or_else(Failure::no_such_path)?;
        let page = self.templates.iter().find(|page| page.path == path);
        let (gzip, version) = page.map_or((file.gzip, self.hash), |page| (page.gzip, page.etag.as_str()));
        let gzip = gzip.filter(|_| takes_gzip(req));
        // What differs byte for byte has to have another tag, RFC 9110 section 8.8.1.
        let etag = format!("\"{version}{}\"", if gzip.is_some() { "-gzip" } else { "" });
        let cache = if page.is_some() { ASK } else { cache };
        let mut response = if has_already(req, &etag) {
            Response::not_modified(cache)
        } else {
            let body = match (gzip, page) {
                (Some(gzip), _) => Body::Embedded(gzip),
                (None, Some(page)) => Body::Shared(Arc::clone(&page.text)),
                (None, None) => Body::Embedded(file.plain),
            };
            Response::file(file.content_type, body, cache)
        };
        if gzip.is_some() && response.status() == 200 {
            response = response.header("Content-Encoding", "gzip");
        }
        if file.gzip.is_some() {
            response = response.header("Vary", "Accept-Encoding");
        }
        Ok(response.header("ETag", etag))
    }
}

fn fill_in(file: &'static File, hash: &str, base_path: &str) -> Template {
    let text = String::from_utf8_lossy(file.plain)
        .replace("{{assets}}", &format!("{base_path}/assets/{hash}"))
        .replace("{{base}}", base_path);
    // The same binary under another path gives another page: so its tag comes from what it says.
    let etag = hex(&Sha256::digest(text.as_bytes())[..8]);
    Template { path: file.path, text: text.into_bytes().into(), etag, gzip: file.gzip.filter(|_| base_path.is_empty()) }
}

/// RFC 9110 section 12.5.3, as far as one coding needs it.
fn takes_gzip(req: &Request) -> bool {
    req.headers.get_all("accept-encoding").flat_map(|line| line.split(',')).any(|each| {
        let mut parts = each.split(';').map(str::trim);
        let names_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        names_it && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// RFC 9110 section 13.1.2. A proxy that compresses makes a tag weak; it still means our file.
fn has_already(req: &Request, etag: &str) -> bool {
    req.headers
        .get_all("if-none-match")
        .flat_map(|line| line.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == etag)
}

#[cfg(test)]
#[path = "../../build/css.rs"]
mod css;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::{head, request};

    static FILES: &[File] = &[
        File {
            path: "index.html",
            content_type: "text/html",
            is_template: true,
            plain: b"<a href={{assets}}/x {{base}}/>",
            gzip: Some(b"gz page"),
        },
        File {
            path: "js/context.js",
            content_type: "text/javascript",
            is_template: false,
            plain: b"plain",
            gzip: Some(b"gz"),
        },
    ];

    fn get(target: &str, lines: &str, base: &str) -> Result<Response, u16> {
        let head = head::parse(format!("GET {target} HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes()).expect("a head");
        let req = request::build(head, ([127, 0, 0, 1], 1).into(), &[], base, String::new()).expect("a request");
        Assets::new(FILES, "h4sh", base).answer(&req).map_err(|failure| failure.status)
    }

    fn check(target: &str, lines: &str, base: &str, expected: Result<(&str, &str), u16>) {
        let got = get(target, lines, base);
        let got = got.map(|response| (String::from_utf8_lossy(response.body()).into_owned(), response.head_for_test()));
        match (got, expected) {
            (Ok((body, head)), Ok((text, has))) => {
                assert_eq!(body, text, "{target}");
                assert!(head.contains(has), "{target}: {has} in {head}");
            }
            (got, expected) => assert_eq!(got.err(), expected.err(), "{target}"),
        }
    }

    #[test]
    fn files_and_the_page() {
        let page = "<a href=/assets/h4sh/x />";
        check("/", "", "", Ok((page, "Cache-Control: no-cache\r\n")));
        check("/c/some-chat", "", "", Ok((page, "script-src 'self'")));
        check("/index.html", "", "/chat", Ok(("<a href=/chat/assets/h4sh/x /chat/>", "no-cache")));
        check("/", "Accept-Encoding: gzip\r\n", "", Ok(("gz page", "Content-Encoding: gzip\r\n")));
        check("/", "Accept-Encoding: gzip\r\n", "/chat", Ok(("<a href=/chat/assets/h4sh/x /chat/>", "Vary")));
        check("/assets/h4sh/js/context.js", "", "", Ok(("plain", "immutable\r\n")));
        check(
            "/assets/h4sh/js/context.js",
            "Accept-Encoding: br, gzip;q=0.5\r\n",
            "",
            Ok(("gz", "ETag: \"h4sh-gzip\"\r\n")),
        );
        check("/assets/h4sh/js/context.js", "Accept-Encoding: gzip;q=0\r\n", "", Ok(("plain", "ETag: \"h4sh\"\r\n")));
        check("/js/context.js", "", "", Ok(("plain", "Cache-Control: no-cache\r\n")));
        for missing in
            ["/assets/old/js/context.js", "/assets/h4sh/js/none", "/js/none.js", "/assets/h4sh/../index.html"]
        {
            check(missing, "", "", Err(404));
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let status = |lines: &str| get("/js/context.js", lines, "").map(|response| response.status());
        assert_eq!(status("If-None-Match: \"h4sh\"\r\n"), Ok(304));
        assert_eq!(status("If-None-Match: \"x\", W/\"h4sh\"\r\n"), Ok(304));
        assert_eq!(status("If-None-Match: *\r\n"), Ok(304));
        assert_eq!(status("If-None-Match: \"h4sh\"\r\nAccept-Encoding: gzip\r\n"), Ok(200));
        assert_eq!(status(""), Ok(200));
    }

    #[test]
    fn what_is_embedded_fits_together() {
        assert!(embedded::FILES.is_sorted_by(|a, b| a.path < b.path));
        for file in embedded::FILES {
            assert!(
                !file.path.ends_with(".css") || !String::from_utf8_lossy(file.plain).contains("@import"),
                "{}",
                file.path
            );
        }
    }

    #[test]
    fn style_sheets_are_joined_in_their_order() {
        let read = |path: &str| {
            Ok(match path {
                "context.css" => {
                    "@layer a, b;\n@import \"one.css\" layer(a);\n@import url(sub/all.css) layer(b);\nx{}\n"
                }
                "one.css" => "one{} /* @import \"no.css\"; */\n",
                "sub/all.css" => "@import url('two.css');\n@import \"../one.css\" layer(c);",
                "sub/two.css" => "two{}",
                _ => return Err(format!("no {path}")),
            }
            .to_owned())
        };
        let joined = css::join("context.css", &read).expect("joins");
        let flat: String = joined.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            flat,
            "@layer a, b; @layer a { one{} /* @import \"no.css\"; */ } @layer b { two{} @layer c { one{} /* @import \"no.css\"; */ } } x{}"
        );
        assert!(css::join("none.css", &read).is_err());
        assert!(css::join("media.css", &|_: &str| Ok("@import \"x.css\" print;".to_owned())).is_err());
        assert!(css::join("loop.css", &|_: &str| Ok("@import \"loop.css\";".to_owned())).is_err());
    }
}
