//! Money, in millionths of a US dollar: integers, so that sums are exact.

/// Millionths in one dollar.
const UNIT: u64 = 1_000_000;
const DECIMALS: usize = 6;
/// More would not fit the arithmetic.
const MOST_DIGITS: usize = 30;

/// `1.25` → 1,250,000. `None` for what is no amount, or has more than six decimals.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > DECIMALS {
        return None;
    }
    let part: u64 = format!("{part:0<DECIMALS$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(UNIT)?.checked_add(part)
}

/// An amount as a provider names it in JSON: any number of decimals, also as `1.5e-5`. Rounded up to the next millionth.
pub fn named(text: &str) -> Option<u64> {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{part}");
    if digits.len() > MOST_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals = i32::try_from(part.len()).ok()?;
    let shift = exponent.parse::<i32>().ok()?.checked_sub(decimals)?.checked_add(6)?;
    let number: u128 = digits.parse().ok()?;
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    let micros = if shift >= 0 { number.checked_mul(power?)? } else { power.map_or(0, |power| number.div_ceil(power)) };
    u64::try_from(micros).ok()
}

/// 1,250,000 → `1.25`: at least two decimals, and no zeros behind them.
pub fn show(micros: u64) -> String {
    let part = format!("{:06}", micros % UNIT);
    let kept = part.trim_end_matches('0').len().max(2);
    format!("{}.{}", micros / UNIT, &part[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(parse(text), expected, "{text}");
        check("1.25", Some(1_250_000));
        check("0.000001", Some(1));
        check(" 5 ", Some(5_000_000));
        for bad in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0000001", "99999999999999999999"] {
            check(bad, None);
        }
        let check = |text: &str, expected: Option<u64>| assert_eq!(named(text), expected, "{text}");
        check("0.0123", Some(12_300));
        check("0.00014325", Some(144));
        check("1.5e-5", Some(15));
        check("1.5e-7", Some(1));
        check("2e1", Some(20_000_000));
        check("3", Some(3_000_000));
        for bad in ["-1", "", "x", "1e99", "1e"] {
            check(bad, None);
        }
        assert_eq!(show(1_250_000), "1.25");
        assert_eq!(show(1), "0.000001");
        assert_eq!(show(5_000_000), "5.00");
    }
}
