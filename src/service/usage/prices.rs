//! Prices that we ship, with their source and date; those that administrators set take their place. A model that is in
//! neither has no price: none is guessed.

use crate::domain::Result;
use crate::domain::price::Price;
use crate::domain::vendor::Kind;
use crate::store::Store;

/// Where the shipped prices are from, and the day on which they were looked up: 2026-11-27T00:00:00Z.
pub(super) const SOURCE: &str = "Anthropic's price list, 2026-11-27";
const LOOKED_UP: i64 = 1_795_737_600_000;
/// The provider's name in the list of prices.
const ANTHROPIC: &str = "anthropic";

/// Millionths of a US dollar for a million tokens: above, input, output, cache read, cache write.
type Row = (&'static str, u64, u64, u64, Option<u64>, Option<u64>);

#[rustfmt::skip] // a table
static SHIPPED: &[Row] = &[
    ("claude-fable-5-2",  0,       8_000_000, 40_000_000, None,          Some(10_000_000)),
    ("claude-haiku-5-5",  0,       100_000,   500_000,    Some(10_000),  Some(125_000)),
    ("claude-haiku-5-5",  100_000, 500_000,   2_500_000,  Some(50_000),  Some(625_000)),
    ("claude-opus-5-5",   0,       4_000_000, 20_000_000, Some(200_000), Some(5_000_000)),
    ("claude-sonnet-5-5", 0,       2_000_000, 10_000_000, Some(100_000), Some(2_500_000)),
];

/// The prices of a model. `kind`: how it is spoken to; without it, the provider's name says whether it is Anthropic.
pub(super) fn of(store: &Store, kind: Option<Kind>, provider: &str, model: &str) -> Result<Vec<Price>> {
    let set = store.prices_of(provider, model)?;
    let is_anthropic = kind.map_or(provider == ANTHROPIC, |kind| kind == Kind::Anthropic);
    if !set.is_empty() || !is_anthropic {
        return Ok(set);
    }
    Ok(shipped().into_iter().filter(|price| price.model == model).collect())
}

pub(super) fn shipped() -> Vec<Price> {
    let price = |row: &Row| {
        let (model, above, input, output, cache_read, cache_write) = *row;
        Price {
            provider: ANTHROPIC.to_owned(),
            model: model.to_owned(),
            valid_from: LOOKED_UP,
            above,
            input,
            output,
            cache_read,
            cache_write,
        }
    };
    SHIPPED.iter().map(price).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Usage;
    use crate::domain::price::cost;

    #[test]
    fn what_a_request_costs() {
        let check = |model: &str, usage: Usage, expected| {
            let prices: Vec<Price> = shipped().into_iter().filter(|price| price.model == model).collect();
            assert_eq!(cost(&prices, LOOKED_UP, &usage), expected, "{model} {usage:?}");
        };
        let usage = |input, cache_creation, cache_read, output| Usage { input, cache_creation, cache_read, output };
        check("claude-sonnet-5-5", usage(1000, 0, 0, 1000), Some(12_000));
        check("claude-sonnet-5-5", usage(0, 1000, 1000, 0), Some(2_600));
        check("claude-haiku-5-5", usage(100_000, 0, 0, 0), Some(10_000));
        check("claude-haiku-5-5", usage(1, 0, 100_000, 0), Some(5_001));
        check("claude-fable-5-2", usage(0, 0, 1, 0), None);
        check("claude-unheard-of", usage(1, 0, 0, 0), None);
    }
}
