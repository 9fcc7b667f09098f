//! The whole API on one screen. What a route demands of its caller is part of its row.

use super::handlers::admin::{backups, checks, invites, logs, money, settings, users};
use super::handlers::{
    account, auth, doctor, export, files, health, import, info, mcp, metrics, models, providers, second_step, tools,
    usage,
};
use super::limits::IMPORT_BYTES;
use super::router::Handler::{Admin, Caller, Open, Socket, Upload};
use super::router::{Route, delete, get, post, put};

#[rustfmt::skip]
pub(crate) static ROUTES: &[Route] = &[
    get("/health",             Open(health::live)),
    get("/health/ready",       Open(health::ready)),
    get("/metrics",            Open(metrics::metrics)), // says itself who may read it

    get("/api/auth/config",    Open(auth::config)),
    post("/api/auth/register", Open(auth::register)),
    post("/api/auth/login",    Open(auth::login)),
    post("/api/auth/login/code", Open(auth::login_with_code)),
    get("/api/auth/verify",    Open(auth::verify)), // says itself whether the token is good
    post("/api/auth/logout",   Caller(auth::logout)),
    post("/api/auth/password", Caller(auth::change_password)),
    get("/api/auth/sessions",        Caller(account::sessions)),
    delete("/api/auth/sessions",     Caller(account::end_other_sessions)),
    delete("/api/auth/sessions/:id", Caller(account::end_session)),
    get("/api/auth/profile",         Caller(account::profile)),
    put("/api/auth/profile",         Caller(account::set_profile)),
    put("/api/auth/preferences",     Caller(account::set_preferences)),
    post("/api/auth/delete",         Caller(account::delete)),
    get("/api/auth/2fa",             Caller(second_step::status)),
    post("/api/auth/2fa/setup",      Caller(second_step::set_up)),
    post("/api/auth/2fa/confirm",    Caller(second_step::turn_on)),
    post("/api/auth/2fa/disable",    Caller(second_step::turn_off)),

    get("/api/models",         Caller(models::list)),

    post("/api/files",           Upload(files::receive)),
    get("/api/files",            Caller(files::workdir)),
    delete("/api/files",         Caller(files::delete_in_workdir)),
    get("/api/files/:fileId",    Caller(files::download)),
    delete("/api/files/:fileId", Caller(files::delete)),
    get("/api/usage",          Caller(usage::own)),
    get("/api/export",         Caller(export::export)),
    post("/api/import",        Upload(import::receive)).up_to(IMPORT_BYTES),

    get("/api/admin/users",               Admin(users::list)),
    post("/api/admin/users",              Admin(users::add)),
    delete("/api/admin/users/:id",        Admin(users::delete)),
    post("/api/admin/users/:id/disable",  Admin(users::disable)),
    post("/api/admin/users/:id/enable",   Admin(users::enable)),
    post("/api/admin/users/:id/promote",  Admin(users::promote)),
    post("/api/admin/users/:id/demote",   Admin(users::demote)),
    post("/api/admin/users/:id/logout",   Admin(users::logout)),
    post("/api/admin/users/:id/unlock",   Admin(users::unlock)),
    post("/api/admin/users/:id/password", Admin(users::set_password)),
    post("/api/admin/users/:id/2fa/reset", Admin(users::reset_second_step)),
    put("/api/admin/users/:id/budget",    Admin(money::set_user_budget)),
    delete("/api/admin/users/:id/budget", Admin(money::clear_user_budget)),
    get("/api/admin/usage",               Admin(usage::all)),
    get("/api/admin/budgets",             Admin(money::budgets)),
    put("/api/admin/budgets/default",     Admin(money::set_default_budget)),
    delete("/api/admin/budgets/default",  Admin(money::clear_default_budget)),
    get("/api/admin/prices",              Admin(money::prices)),
    put("/api/admin/prices",              Admin(money::set_price)),
    delete("/api/admin/prices",           Admin(money::clear_prices)),
    get("/api/admin/invites",             Admin(invites::list)),
    post("/api/admin/invites",            Admin(invites::create)),
    delete("/api/admin/invites/:code",    Admin(invites::revoke)),
    get("/api/admin/settings",            Admin(settings::show)),
    put("/api/admin/settings",            Admin(settings::change)),
    get("/api/admin/models",              Admin(models::policy)),
    put("/api/admin/models",              Admin(models::set_policy)),
    get("/api/admin/providers",             Admin(providers::list)),
    post("/api/admin/providers",            Admin(providers::add)),
    put("/api/admin/providers/:name",       Admin(providers::change)),
    delete("/api/admin/providers/:name",    Admin(providers::remove)),
    post("/api/admin/providers/:name/test", Admin(providers::test)),
    get("/api/admin/backups",             Admin(backups::list)),
    post("/api/admin/backups",            Admin(backups::make)),
    get("/api/admin/backups/:name",       Admin(backups::download)),
    post("/api/admin/backups/:name/verify", Admin(backups::verify)),
    get("/api/admin/doctor",              Admin(checks::examine)),
    get("/api/admin/logs",                Admin(logs::tail)),

    get("/api/tools",                       Caller(tools::list)),
    delete("/api/tools/allowed",            Caller(tools::forbid)),
    get("/api/admin/mcp",                   Admin(mcp::list)),
    post("/api/admin/mcp",                  Admin(mcp::add)),
    put("/api/admin/mcp/:name",             Admin(mcp::change)),
    delete("/api/admin/mcp/:name",          Admin(mcp::remove)),
    post("/api/admin/mcp/:name/test",       Admin(mcp::test)),

    get("/api/doctor/stream",  Open(doctor::stream)),

    get("/agentx/info",        Caller(info::info)),
    get("/ws",                 Socket),
];
