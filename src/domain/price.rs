//! What a model costs: prices with bands and dates, and the cost of a request.

use super::message::Usage;

/// Prices are per so many tokens.
const PER_TOKENS: u128 = 1_000_000;

/// Amounts are millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub provider: String,
    pub model: String,
    /// Milliseconds since 1970.
    pub valid_from: i64,
    /// For prompts of more tokens than this.
    pub above: u64,
    pub input: u64,
    pub output: u64,
    /// `None`: not known.
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
}

/// The cost of a request in millionths of a dollar, rounded up: by the newest prices that are valid at that time (before
/// the first, by the first), and the highest band that the prompt is above. A price for all prompts replaces what is older;
/// a band that was set later joins it. `None` where a price is missing that counts.
pub fn cost(prices: &[Price], at: i64, usage: &Usage) -> Option<u64> {
    let dates = || prices.iter().map(|price| price.valid_from);
    let date = dates().filter(|from| *from <= at).max().or_else(|| dates().min())?;
    let prompt = usage.total_input();
    let valid = || prices.iter().filter(|price| price.valid_from <= date);
    let base = valid().filter(|price| price.above == 0).map(|price| price.valid_from).max();
    let bands = valid().filter(|price| base.is_none_or(|base| price.valid_from >= base));
    let bands = bands.filter(|price| price.above == 0 || prompt > price.above);
    let band = bands.max_by_key(|price| (price.above, price.valid_from))?;
    let part = |tokens: u64, price: Option<u64>| match (tokens, price) {
        (0, _) => Some(0),
        (tokens, price) => price.map(|price| u128::from(tokens) * u128::from(price)),
    };
    let sum = part(usage.input, Some(band.input))?
        + part(usage.output, Some(band.output))?
        + part(usage.cache_read, band.cache_read)?
        + part(usage.cache_creation, band.cache_write)?;
    Some(u64::try_from(sum.div_ceil(PER_TOKENS)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(valid_from: i64, above: u64, input: u64) -> Price {
        Price {
            provider: "p".to_owned(),
            model: "m".to_owned(),
            valid_from,
            above,
            input,
            output: 5 * input,
            cache_read: Some(input / 10),
            cache_write: None,
        }
    }

    #[test]
    fn costs_are_exact() {
        let prices = [price(100, 0, 100_000), price(100, 100_000, 500_000), price(200, 0, 2_000_000)];
        let usage = |input, output, cache_read| Usage { input, output, cache_read, cache_creation: 0 };
        let check = |at, usage: Usage, expected| assert_eq!(cost(&prices, at, &usage), expected, "{at} {usage:?}");
        check(150, usage(1_000_000, 0, 0), Some(500_000));
        check(150, usage(100_000, 0, 0), Some(10_000));
        check(150, usage(99_999, 0, 2), Some(50_000));
        check(150, usage(1, 0, 0), Some(1));
        check(50, usage(10, 10, 0), Some(6));
        check(200, usage(10, 1, 10), Some(32));
        check(200, Usage { cache_creation: 1, ..Usage::default() }, None);
        check(200, usage(0, 0, 0), Some(0));
        let later = [price(100, 0, 100_000), price(150, 100_000, 500_000), price(200, 0, 200_000)];
        let check = |at, tokens, expected| assert_eq!(cost(&later, at, &usage(tokens, 0, 0)), Some(expected), "{at}");
        check(149, 200_000, 20_000);
        check(150, 200_000, 100_000);
        check(150, 10, 1);
        check(200, 200_000, 40_000); // a price for all prompts replaces the bands that are older
        assert_eq!(cost(&[], 200, &usage(1, 0, 0)), None);
    }
}
