//! VAT: dated rates, prices that include VAT, and one rounding per rate and order. Never a float.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::money::Cents;

/// VAT rate in hundredths of a percent: 550 is 5.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VatRate(pub u32);

coded! { $ for_each_vat_class
    /// VAT class of a product (DOMAIN.md, Prices).
    pub enum VatClass {
        /// A pizza, with its extras.
        Pizza = "PIZZA",
        /// A soft drink in a can or bottle.
        SoftDrink = "SOFT_DRINK",
        /// Beer and wine.
        Alcohol = "ALCOHOL",
        /// Packaged ice cream.
        IceCream = "ICE_CREAM",
    }
}

/// VAT rates of a class from a day on, away and on site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatedRate {
    /// First local day on which it applies.
    pub from: NaiveDate,
    /// The class.
    pub class: VatClass,
    /// Rate for takeaway and delivery.
    pub away: VatRate,
    /// Rate on site.
    pub on_site: VatRate,
}

/// Part of an order's total at one rate: `net + tax = gross`, and the gross parts add up to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VatPart {
    /// The rate.
    pub rate: VatRate,
    /// Amount without VAT.
    pub net: Cents,
    /// VAT, rounded half up.
    pub tax: Cents,
    /// Amount with VAT.
    pub gross: Cents,
}

/// Splits a total by rate: the lines of each rate, and the fee spread over them pro rata to their gross.
///
/// Shares of the fee are whole cents, by largest remainder (of equal ones, the higher rate first), so that
/// the gross parts add up to lines and fee exactly. Rates ascend; parts of 0 are dropped. Amounts must not be
/// negative. Without lines the result is empty.
pub fn breakdown(lines: impl IntoIterator<Item = (VatRate, Cents)>, fee: Cents) -> Vec<VatPart> {
    let mut gross: BTreeMap<VatRate, i128> = BTreeMap::new();
    for (rate, total) in lines {
        *gross.entry(rate).or_default() += i128::from(total.0);
    }
    spread(&mut gross, i128::from(fee.0));
    gross.into_iter().filter(|(_, gross)| *gross > 0).map(|(rate, gross)| part(rate, gross)).collect()
}

fn spread(gross: &mut BTreeMap<VatRate, i128>, fee: i128) {
    let subtotal: i128 = gross.values().sum();
    if subtotal == 0 {
        // Only free lines: the fee takes their highest rate.
        if let Some((_, highest)) = gross.iter_mut().next_back() {
            *highest += fee;
        }
        return;
    }
    let mut left = fee;
    let mut remainders: Vec<(i128, VatRate)> = Vec::with_capacity(gross.len());
    for (rate, amount) in gross.iter_mut() {
        let (share, remainder) = (fee * *amount / subtotal, fee * *amount % subtotal);
        *amount += share;
        left -= share;
        remainders.push((remainder, *rate));
    }
    // Fewer cents remain than there are rates.
    remainders.sort_unstable_by(|a, b| b.cmp(a));
    for (_, rate) in remainders.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        *gross.entry(rate).or_default() += 1;
    }
}

fn part(rate: VatRate, gross: i128) -> VatPart {
    let whole = 10_000 + i128::from(rate.0);
    let tax = (2 * gross * i128::from(rate.0) + whole) / (2 * whole);
    let cents = |amount: i128| Cents(i64::try_from(amount).unwrap_or(i64::MAX));
    VatPart { rate, net: cents(gross - tax), tax: cents(tax), gross: cents(gross) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(rate: u32, net: i64, tax: i64) -> VatPart {
        VatPart { rate: VatRate(rate), net: Cents(net), tax: Cents(tax), gross: Cents(net + tax) }
    }

    #[test]
    fn one_rate_carries_the_whole_fee() {
        // 13.50 + 2.90 at 10 %: 16.40 / 11 = 1.4909…
        assert_eq!(breakdown([(VatRate(1000), Cents(1350))], Cents(290)), [of(1000, 1491, 149)]);
    }

    #[test]
    fn rounds_tax_half_up_once_per_rate() {
        // 0.11 at 10 % is a tax of exactly 0.01; 0.06 at 20 % of 0.01; 0.03 at 20 % of 0.005.
        assert_eq!(breakdown([(VatRate(1000), Cents(11))], Cents(0)), [of(1000, 10, 1)]);
        assert_eq!(breakdown([(VatRate(2000), Cents(3))], Cents(0)), [of(2000, 2, 1)]);
        // Two lines of 0.03 are one gross of 0.06: not twice a rounded half.
        assert_eq!(
            breakdown([(VatRate(2000), Cents(3)), (VatRate(2000), Cents(3))], Cents(0)),
            [of(2000, 5, 1)]
        );
    }

    #[test]
    fn spreads_the_fee_pro_rata_by_largest_remainder() {
        // 2.90 over 11.00 at 10 %, 2.20 at 5.5 %, 12.00 at 20 %: 126.587, 25.317, 138.095 cents.
        let parts = breakdown(
            [(VatRate(1000), Cents(1100)), (VatRate(550), Cents(220)), (VatRate(2000), Cents(1200))],
            Cents(290),
        );
        assert_eq!(
            parts.iter().map(|p| (p.rate.0, p.gross.0)).collect::<Vec<_>>(),
            [(550, 245), (1000, 1227), (2000, 1338)]
        );
    }

    #[test]
    fn gives_equal_remainders_to_the_higher_rate() {
        let parts = breakdown([(VatRate(550), Cents(100)), (VatRate(1000), Cents(100))], Cents(1));
        assert_eq!(parts.iter().map(|p| p.gross.0).collect::<Vec<_>>(), [100, 101]);
    }

    #[test]
    fn drops_zero_parts_and_lets_free_lines_carry_the_fee() {
        assert_eq!(
            breakdown([(VatRate(550), Cents(0)), (VatRate(1000), Cents(11))], Cents(0)),
            [of(1000, 10, 1)]
        );
        assert_eq!(
            breakdown([(VatRate(550), Cents(0)), (VatRate(1000), Cents(0))], Cents(11)),
            [of(1000, 10, 1)]
        );
        assert_eq!(breakdown([], Cents(11)), []);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_cent(
            lines in prop::collection::vec((0_u32..=10_000, 0_i64..=Cents::MAX_INPUT.0 * 99), 1..20),
            fee in 0..=Cents::MAX_INPUT.0,
        ) {
            let parts = breakdown(lines.iter().map(|(rate, gross)| (VatRate(*rate), Cents(*gross))), Cents(fee));
            let total = lines.iter().map(|(_, gross)| gross).sum::<i64>() + fee;
            prop_assert_eq!(parts.iter().map(|part| part.gross.0).sum::<i64>(), total);
            for part in &parts {
                prop_assert_eq!(part.net + part.tax, part.gross);
                prop_assert!(part.gross > Cents::ZERO && part.tax >= Cents::ZERO && part.net >= Cents::ZERO);
            }
            prop_assert!(parts.is_sorted_by(|a, b| a.rate < b.rate));
        }
    }
}
