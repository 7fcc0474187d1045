//! The parts of an order as clients see them: lines, VAT, payments and promises.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use chrono::{DateTime, Utc};
use domain::access::Permission;
use domain::ids::{IngredientCode, ItemCode};
use domain::menu;
use projections::menus;

use super::enums::{Allergen, PaymentKind, PaymentMethod, PizzaSize};
use super::menu::Recipe;
use super::menu_origin::Origin;
use super::order_people::OrderPeople;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{hidden_without, open};
use crate::ids::GlobalId;
use crate::loaders::MenuVersion;
use crate::scalars::{self, Decimal, Money};

/// A line of an order, with its prices at the time of placement.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply(), complex)]
pub struct OrderLine {
    /// The item, by codes.
    #[graphql(skip)]
    pub sold: Sold,
    /// The customer's data on the line's order; `None` for a line of a quote.
    #[graphql(skip)]
    pub people: Option<OrderPeople>,
    /// The line's id, which `changeOrderLines` names; it stays the line's while the order is changed. `null` for a line
    /// of a quote.
    pub id: Option<ID>,
    /// The line's number, from 1; it stays the line's while the order is changed.
    pub line: u32,
    /// The item's id.
    pub item: ID,
    /// The item's code, such as `MAR`.
    pub code: String,
    /// The item's name at the time of placement.
    pub name: String,
    /// The size of a pizza; `null` for a drink or a dessert.
    pub size: Option<PizzaSize>,
    /// The number of pieces.
    pub quantity: u32,
    /// The ids of the ingredients added to each piece.
    pub extras: Vec<ID>,
    /// The ids of the ingredients left out of each piece.
    pub without: Vec<ID>,
    /// The price of one piece, extras and VAT included.
    pub unit_price: Money,
    /// The price of the line, VAT included.
    pub total: Money,
    /// The VAT rate, in percent.
    pub vat_rate: Decimal,
    /// The version of the menu that recipe and price are from.
    pub recipe_version: u32,
    /// Whether the line has come out of the oven; for drinks and desserts, whether the order is ready.
    pub baked: bool,
}

/// The item of a line by codes, from which allergens and recipe are derived.
#[derive(Debug, Clone)]
pub struct Sold {
    item: ItemCode,
    size: Option<menu::PizzaSize>,
    extras: Vec<IngredientCode>,
    without: Vec<IngredientCode>,
    version: u32,
}

impl Sold {
    /// Loads the version of the menu that the item was sold from.
    async fn menu(&self, ctx: &Context<'_>) -> Result<Arc<menus::Row>, ApiError> {
        let row = ctx.loaders()?.load_one(MenuVersion(self.version)).await?;
        row.ok_or_else(|| ApiError::internal(NoMenuVersion { version: self.version }))
    }
}

/// An order refers to a version of the menu that the log does not have.
#[derive(Debug, thiserror::Error)]
#[error("the menu has no version {version}")]
struct NoMenuVersion {
    version: u32,
}

/// An order refers to an item that its version of the menu does not sell.
#[derive(Debug, thiserror::Error)]
#[error("version {version} of the menu does not sell {item}")]
struct NotSold {
    item: ItemCode,
    version: u32,
}

impl OrderLine {
    /// Converts a line of an order.
    pub fn of(people: OrderPeople, id: ID, line: &domain::order::OrderLine) -> Self {
        Self { people: Some(people), id: Some(id), ..Self::from(line) }
    }
}

#[ComplexObject]
impl OrderLine {
    /// The customer's note to the kitchen about the line; `null` for a caller without access to it, and once
    /// erased.
    #[graphql(directive = hidden_without::apply(Permission::ReadKitchenNote))]
    async fn note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        match &self.people {
            Some(people) => people.kitchen_note_for(ctx, Some(self.line)).await,
            None => Ok(None),
        }
    }

    /// The allergens of the item as sold: of its ingredients in that version of the menu, without those left
    /// out and with the extras. If the data cannot be read, the field fails instead of returning an empty
    /// list.
    async fn allergens(&self, ctx: &Context<'_>) -> Result<Vec<Allergen>, ApiError> {
        let Sold { item, size, extras, without, version } = &self.sold;
        let row = self.sold.menu(ctx).await?;
        let allergens = row.menu.allergens_as_sold(item, *size, without, extras.iter());
        let allergens =
            allergens.ok_or_else(|| ApiError::internal(NotSold { item: item.clone(), version: *version }))?;
        Ok(allergens.into_iter().map(Allergen::from).collect())
    }

    /// The recipe that the line was sold with, even after a change of the menu; extras and ingredients left
    /// out are listed beside it. `null` for a drink or a dessert, and for callers without access to recipes.
    #[graphql(directive = hidden_without::apply(Permission::ReadRecipe))]
    async fn recipe(&self, ctx: &Context<'_>) -> Result<Option<Recipe>, ApiError> {
        let Some(size) = self.sold.size else { return Ok(None) };
        let row = self.sold.menu(ctx).await?;
        let menu = Arc::new(row.menu.clone());
        Ok(Recipe::of(&menu, row.published_at, self.sold.item.clone(), size, Origin::Version))
    }
}

impl From<&domain::order::OrderLine> for OrderLine {
    fn from(line: &domain::order::OrderLine) -> Self {
        Self {
            people: None,
            sold: Sold {
                item: line.item.clone(),
                size: line.size,
                extras: line.extras.iter().map(|extra| extra.ingredient.clone()).collect(),
                without: line.without.clone(),
                version: line.recipe_version,
            },
            id: None,
            line: line.line,
            item: line.item.to_global(),
            code: line.item.to_string(),
            name: line.name.clone(),
            size: line.size.map(PizzaSize::from),
            quantity: line.quantity,
            extras: line.extras.iter().map(|extra| extra.ingredient.to_global()).collect(),
            without: line.without.iter().map(GlobalId::to_global).collect(),
            unit_price: line.unit_price.into(),
            total: line.total.into(),
            vat_rate: scalars::percent(line.vat_rate),
            recipe_version: line.recipe_version,
            baked: line.baked,
        }
    }
}

/// The part of a total at one VAT rate.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct VatPart {
    /// The rate, in percent.
    pub rate: Decimal,
    /// The amount without VAT.
    pub net: Money,
    /// The VAT amount.
    pub tax: Money,
    /// The amount with VAT.
    pub gross: Money,
}

impl From<&domain::vat::VatPart> for VatPart {
    fn from(part: &domain::vat::VatPart) -> Self {
        Self {
            rate: scalars::percent(part.rate),
            net: part.net.into(),
            tax: part.tax.into(),
            gross: part.gross.into(),
        }
    }
}

/// A payment of an order: a step of its payment history.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Payment {
    /// The kind of step.
    pub kind: PaymentKind,
    /// The method of payment.
    pub method: PaymentMethod,
    /// The amount; never negative.
    pub amount: Money,
    /// The time when it was authorised, captured, declined or refunded.
    pub at: DateTime<Utc>,
}

/// A promised time.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Promise {
    /// The promised time.
    pub promised_at: DateTime<Utc>,
    /// The time when the promise was made.
    pub given_at: DateTime<Utc>,
}
