//! The whole API on one screen. What a route demands of its caller is part of its row.

use super::handlers::{auth, doctor, health, info, metrics, models, providers, settings};
use super::router::Handler::{Admin, Caller, Open, Socket};
use super::router::{Route, delete, get, post, put};

#[rustfmt::skip]
pub(crate) static ROUTES: &[Route] = &[
    get("/health",             Open(health::live)),
    get("/health/ready",       Open(health::ready)),
    get("/metrics",            Open(metrics::metrics)), // says itself who may read it

    get("/api/auth/config",    Open(auth::config)),
    post("/api/auth/register", Open(auth::register)),
    post("/api/auth/login",    Open(auth::login)),
    get("/api/auth/verify",    Open(auth::verify)), // says itself whether the token is good
    post("/api/auth/logout",   Caller(auth::logout)),
    post("/api/auth/password", Caller(auth::change_password)),

    get("/api/models",         Caller(models::list)),

    get("/api/admin/settings", Admin(settings::show)),
    put("/api/admin/settings", Admin(settings::change)),
    get("/api/admin/providers",             Admin(providers::list)),
    post("/api/admin/providers",            Admin(providers::add)),
    put("/api/admin/providers/:name",       Admin(providers::change)),
    delete("/api/admin/providers/:name",    Admin(providers::remove)),
    post("/api/admin/providers/:name/test", Admin(providers::test)),

    get("/api/doctor/stream",  Open(doctor::stream)),

    get("/agentx/info",        Caller(info::info)),
    get("/ws",                 Socket),
];
