//! Sizes as people read them.

const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// `512 bytes`, `1.5 KiB`, `300 MiB`, `1.2 GiB`: three digits at most, so that two of them compare at a glance.
pub fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(size < 9.95);
    format!("{size:.decimals$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let check = |bytes: u64, expected: &str| assert_eq!(human(bytes), expected);
        check(0, "0 bytes");
        check(1023, "1023 bytes");
        check(1024, "1.0 KiB");
        check(300 << 20, "300 MiB");
        check(1023 << 10, "1.0 MiB");
        check((12 << 30) / 10, "1.2 GiB");
        check(u64::MAX, "16384 PiB");
    }
}
