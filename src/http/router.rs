//! From a method and a path to a handler; and from a handler to one that may run, because its caller is known.

use super::guard;
use super::handlers::page;
use crate::domain::user::{Admin, Caller};
use crate::http::context::Context;
use crate::http::limits::{BODY_BYTES, OPEN_BODY_BYTES, UPLOAD_BYTES};
use crate::http::wire::body::Receiver;
use crate::http::wire::failure::{Failure, HandlerResult};
use crate::http::wire::head::Method;
use crate::http::wire::request::Request;
use crate::http::wire::response::Response;
use crate::telemetry::metrics::{self, RouteMetrics};

/// One row of the table.
pub(crate) struct Route {
    method: Method,
    /// A segment that begins with a colon stands for anything: `req.param("name")` gives it.
    path: &'static str,
    handler: Handler,
    /// In bytes. A route that takes more sets it itself.
    body_limit: usize,
}

/// Where the requests of each row are counted.
pub(crate) struct RequestMetrics {
    rows: Vec<&'static RouteMetrics>,
    page: &'static RouteMetrics,
    /// What found no row, or was no HTTP.
    pub(crate) none: &'static RouteMetrics,
}

impl RequestMetrics {
    pub(crate) fn of(routes: &'static [Route]) -> Self {
        Self {
            rows: routes.iter().map(|route| metrics::route(route.method.as_str(), route.path)).collect(),
            page: metrics::route("GET", "(page)"),
            none: metrics::route("-", "(none)"),
        }
    }

    pub(crate) fn at(&self, row: Option<usize>) -> &'static RouteMetrics {
        row.and_then(|row| self.rows.get(row).copied()).unwrap_or(self.page)
    }
}

/// What serves a path.
pub(crate) struct Found {
    pub(crate) handler: Handler,
    pub(crate) body_limit: usize,
    /// Its place in the table; `None` for a file of the page.
    pub(crate) row: Option<usize>,
}

/// What a route demands of its caller is part of its type, so that a handler that needs a caller cannot be
/// mounted where anyone may call it.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Open(fn(&Context, &Request) -> HandlerResult),
    Caller(fn(&Context, &Caller, &Request) -> HandlerResult),
    Admin(fn(&Context, &Admin, &Request) -> HandlerResult),
    /// Takes the body piece by piece, as it comes.
    Upload(fn(&Context, &Caller, &Request) -> HandlerResult<Box<dyn Receiver>>),
    /// The connection becomes a WebSocket.
    Socket,
}

/// A handler together with the caller it was promised.
pub(crate) enum Admitted {
    Open(fn(&Context, &Request) -> HandlerResult),
    Caller(fn(&Context, &Caller, &Request) -> HandlerResult, Box<Caller>),
    Admin(fn(&Context, &Admin, &Request) -> HandlerResult, Box<Admin>),
    Upload(fn(&Context, &Caller, &Request) -> HandlerResult<Box<dyn Receiver>>, Box<Caller>),
    Socket,
}

impl Route {
    /// Takes a body of so many bytes.
    pub(crate) const fn up_to(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }
}

pub(crate) const fn get(path: &'static str, handler: Handler) -> Route {
    Route { method: Method::Get, path, handler, body_limit: OPEN_BODY_BYTES }
}

pub(crate) const fn post(path: &'static str, handler: Handler) -> Route {
    sent(Method::Post, path, handler)
}

pub(crate) const fn put(path: &'static str, handler: Handler) -> Route {
    sent(Method::Put, path, handler)
}

pub(crate) const fn delete(path: &'static str, handler: Handler) -> Route {
    Route { method: Method::Delete, path, handler, body_limit: OPEN_BODY_BYTES }
}

/// Authenticated callers may send larger bodies.
const fn sent(method: Method, path: &'static str, handler: Handler) -> Route {
    let body_limit = match handler {
        Handler::Open(_) => OPEN_BODY_BYTES,
        Handler::Upload(_) => UPLOAD_BYTES,
        _ => BODY_BYTES,
    };
    Route { method, path, handler, body_limit }
}

/// What is no page: an unknown path below one of these is a 404 and not the page.
const DATA_PATHS: [&str; 5] = ["/api", "/agentx", "/health", "/metrics", "/ws"];

/// Finds the row, and puts what stood in the place of `:name` into the request.
///
/// Errors: 404, 405.
pub(crate) fn find(routes: &'static [Route], req: &mut Request) -> HandlerResult<Found> {
    let mut known = Vec::new();
    for (row, route) in routes.iter().enumerate() {
        let Some(params) = matched(route.path, &req.path) else { continue };
        if route.method == req.method || (route.method == Method::Get && req.method == Method::Head) {
            req.params = params;
            return Ok(Found { handler: route.handler, body_limit: route.body_limit, row: Some(row) });
        }
        known.push(route.method);
    }
    let is_data = DATA_PATHS.iter().any(|prefix| is_below(&req.path, prefix));
    if known.is_empty() && is_data {
        return Err(Failure::no_such_path());
    }
    if !known.is_empty() || !matches!(req.method, Method::Get | Method::Head) {
        return Err(Failure::method_not_allowed(allow(&known)));
    }
    Ok(Found { handler: Handler::Open(page::serve), body_limit: OPEN_BODY_BYTES, row: None })
}

impl Handler {
    /// Proves the caller, as far as the route wants one. Errors: 401, 403.
    pub(crate) fn admit(self, context: &Context, req: &Request) -> HandlerResult<Admitted> {
        Ok(match self {
            Self::Open(run) => Admitted::Open(run),
            Self::Caller(run) => Admitted::Caller(run, Box::new(guard::caller(context, req)?)),
            Self::Admin(run) => Admitted::Admin(run, Box::new(guard::admin(context, req)?)),
            Self::Upload(run) => Admitted::Upload(run, Box::new(guard::caller(context, req)?)),
            Self::Socket => Admitted::Socket,
        })
    }
}

impl Admitted {
    /// Who is calling, where the route asked.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Caller(_, caller) | Self::Upload(_, caller) => Some(caller),
            Self::Admin(_, admin) => Some(admin.caller()),
            Self::Open(_) | Self::Socket => None,
        }
    }

    /// What takes the body, where the route does not want it in memory. Errors: those of the handler.
    pub(crate) fn receiver(&self, context: &Context, req: &Request) -> HandlerResult<Option<Box<dyn Receiver>>> {
        match self {
            Self::Upload(run, caller) => run(context, caller, req).map(Some),
            _ => Ok(None),
        }
    }

    /// Errors: those of the handler; 426 where only a WebSocket is served.
    /// Not for an upload, which its receiver answers.
    pub(crate) fn run(&self, context: &Context, req: &Request) -> HandlerResult<Response> {
        match self {
            Self::Open(run) => run(context, req),
            Self::Caller(run, caller) => context.services.cpu.within(caller, || run(context, caller, req))?,
            Self::Admin(run, admin) => run(context, admin, req),
            Self::Upload(..) | Self::Socket => Err(Failure::upgrade_required()),
        }
    }
}

/// The parameters, if the path has the form of the pattern.
fn matched(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    if !pattern.contains(':') {
        return (pattern == path).then(Vec::new);
    }
    let mut params = Vec::new();
    let mut given = path.split('/');
    for part in pattern.split('/') {
        let segment = given.next()?;
        match part.strip_prefix(':') {
            Some(name) if !segment.is_empty() => params.push((name, segment.to_owned())),
            _ if part == segment => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some(params)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The methods as `Allow` lists them; a path that is none of the table's is a file of the page.
fn allow(known: &[Method]) -> String {
    let mut names = Vec::new();
    for method in if known.is_empty() { &[Method::Get] } else { known } {
        names.push(method.as_str());
        if *method == Method::Get {
            names.push(Method::Head.as_str());
        }
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::head;
    use crate::http::wire::request::build;

    fn fine(_: &Context, _: &Request) -> HandlerResult {
        Ok(Response::json(200, &1))
    }

    static TABLE: &[Route] = &[
        get("/health", Handler::Open(fine)),
        post("/api/things/:id/disable", Handler::Open(fine)),
        get("/api/things/:id", Handler::Open(fine)),
        post("/api/things/:id", Handler::Open(fine)),
    ];

    fn check(line: &str, expected: Result<&str, (u16, &str)>) {
        let head = head::parse(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).expect("a head");
        let mut req = build(head, ([127, 0, 0, 1], 1).into(), &[], "", String::new()).expect("a request");
        let got = match find(TABLE, &mut req) {
            Ok(_) => Ok(req.param("id").unwrap_or("-").to_owned()),
            Err(failure) => {
                let status = failure.status;
                let head = failure.into_response().head_for_test();
                let allow = head.lines().find_map(|line| line.strip_prefix("Allow: ")).unwrap_or_default();
                Err((status, allow.to_owned()))
            }
        };
        assert_eq!(got, expected.map(str::to_owned).map_err(|(status, allow)| (status, allow.to_owned())), "{line}");
    }

    #[test]
    fn paths_lead_to_handlers() {
        check("GET /health", Ok("-"));
        check("HEAD /health", Ok("-"));
        check("POST /health", Err((405, "GET, HEAD")));
        check("GET /health/", Err((404, "")));
        check("POST /api/things/7/disable", Ok("7"));
        check("GET /api/things/a%20b", Ok("a b"));
        check("DELETE /api/things/7", Err((405, "GET, HEAD, POST")));
        check("GET /api/things/", Err((404, "")));
        check("GET /api/things/7/8", Err((404, "")));
        check("GET /api", Err((404, "")));
        check("GET /agentx/x", Err((404, "")));
        check("GET /apiary", Ok("-"));
        check("GET /anything/else", Ok("-"));
        check("POST /anything", Err((405, "GET, HEAD")));
        check("BREW /health", Err((405, "GET, HEAD")));
    }
}
