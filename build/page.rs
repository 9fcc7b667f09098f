//! Gathers `static/`, joins its style sheets and its modules, compresses each file, and writes a table of them as Rust.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::{css, js};

/// The one sheet that the page names; all others are joined into it.
const SHEET: &str = "styles/app.css";
/// The one module that the page names. Those that it imports are joined into it; what it loads later stays a file.
const SCRIPT: &str = "js/main.js";
/// What the page loads when it is first needed, with what only that imports.
const LATER_SCRIPTS: &[&str] = &["js/admin.js", "js/own.js"];
/// Drawn into the page where it says `{{icons}}`, so that no icon waits for a request.
const ICONS: &str = "icons.svg";
/// Hexadecimal digits of the hash in the address.
const HASH_DIGITS: usize = 16;

struct Asset {
    path: String,
    bytes: Vec<u8>,
}

/// Writes `page.rs`, and the files it includes, into `out`.
pub fn build(root: &Path, out: &Path) -> Result<(), String> {
    let mut assets = Vec::new();
    if root.is_dir() {
        gather(root, "", &mut assets)?;
        join_modules(&mut assets)?;
        draw_icons(&mut assets)?;
    }
    assets.sort_by(|a, b| a.path.cmp(&b.path));
    let hash = hash(&assets);
    let mut table = format!("pub(super) static HASH: &str = {hash:?};\npub(super) static FILES: &[File] = &[\n");
    for (index, asset) in assets.iter().enumerate() {
        row(&mut table, index, asset, &hash, out)?;
    }
    table.push_str("];\n");
    write(&out.join("page.rs"), table.as_bytes())
}

fn gather(root: &Path, below: &str, assets: &mut Vec<Asset>) -> Result<(), String> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
        let entry = entry.map_err(|error| failed(&folder, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if name.starts_with('.') || name.ends_with(".md") {
            continue;
        }
        if entry.path().is_dir() {
            gather(root, &path, assets)?;
        } else if path == SHEET {
            let read =
                |path: &str| fs::read_to_string(root.join(path)).map_err(|error| failed(&root.join(path), &error));
            assets.push(Asset { bytes: css::join(&path, &read)?.into_bytes(), path });
        } else if !path.ends_with(".css") {
            let bytes = fs::read(entry.path()).map_err(|error| failed(&entry.path(), &error))?;
            assets.push(Asset { path, bytes });
        }
    }
    Ok(())
}

fn join_modules(assets: &mut Vec<Asset>) -> Result<(), String> {
    let read = |path: &str| {
        let found = assets.iter().find(|asset| asset.path == path).ok_or_else(|| format!("{path}: no such module"))?;
        String::from_utf8(found.bytes.clone()).map_err(|_| format!("{path}: not UTF-8"))
    };
    let first = js::join(SCRIPT, &read)?;
    let name = SCRIPT.rsplit_once('/').map_or(SCRIPT, |(_, name)| name);
    let mut scripts = Vec::new();
    for path in LATER_SCRIPTS {
        scripts.push((*path, js::join_later(path, name, &first, &read)?));
    }
    scripts.push((SCRIPT, first));
    assets.retain(|asset| !scripts.iter().any(|(_, joined)| joined.modules.contains(&asset.path)));
    for (path, joined) in scripts {
        assets.push(Asset { path: path.to_owned(), bytes: joined.text.into_bytes() });
    }
    Ok(())
}

fn draw_icons(assets: &mut Vec<Asset>) -> Result<(), String> {
    let at = assets.iter().position(|asset| asset.path == ICONS).ok_or_else(|| format!("{ICONS}: no such file"))?;
    let icons = String::from_utf8_lossy(&assets.remove(at).bytes).into_owned();
    for asset in assets.iter_mut().filter(|asset| extension(&asset.path) == "html") {
        asset.bytes = String::from_utf8_lossy(&asset.bytes).replace("{{icons}}", icons.trim_end()).into_bytes();
    }
    Ok(())
}

/// True for files with `{{base}}` and `{{assets}}` in them.
fn is_template(path: &str) -> bool {
    matches!(extension(path), "html" | "webmanifest") || path == "sw.js"
}

fn hash(assets: &[Asset]) -> String {
    let mut hasher = Sha256::new();
    for asset in assets {
        // Lengths keep the end of one from being the beginning of another.
        hasher.update(format!("{} {}\n", asset.path, asset.bytes.len()));
        hasher.update(&asset.bytes);
    }
    let mut hex = String::new();
    for byte in hasher.finalize().iter().take(HASH_DIGITS / 2) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn row(table: &mut String, index: usize, asset: &Asset, hash: &str, out: &Path) -> Result<(), String> {
    let is_template = is_template(&asset.path);
    let plain = out.join(format!("asset-{index}"));
    write(&plain, &asset.bytes)?;
    let zipped = gzip(&if is_template { at_the_root(&asset.bytes, hash) } else { asset.bytes.clone() })
        .map_err(|error| failed(&plain, &error))?;
    let gzip = if zipped.len() + 64 < asset.bytes.len() {
        let path = out.join(format!("asset-{index}.gz"));
        write(&path, &zipped)?;
        format!("Some(include_bytes!({path:?}))")
    } else {
        "None".to_owned()
    };
    let _ = writeln!(
        table,
        "    File {{ path: {:?}, content_type: {:?}, is_template: {is_template}, plain: include_bytes!({plain:?}), gzip: {gzip} }},",
        asset.path,
        content_type(&asset.path),
    );
    Ok(())
}

/// A template as a server without a sub-path fills it in; any other fills it in itself and does not compress.
fn at_the_root(bytes: &[u8], hash: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.replace("{{assets}}", &format!("/assets/{hash}")).replace("{{base}}", "").into_bytes()
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn content_type(path: &str) -> &'static str {
    match extension(path) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json; charset=utf-8",
        "svg" => "image/svg+xml; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
