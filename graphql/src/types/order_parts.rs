//! What an order is made of, as clients see it: lines, VAT, payments, promises.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, ItemCode};
use domain::menu;
use projections::menus;

use super::enums::{Allergen, PaymentKind, PaymentMethod, PizzaSize};
use super::menu::Recipe;
use super::menu_origin::Origin;
use super::order::Order;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::loaders::MenuVersion;
use crate::roles_directive::{requires, roles};
use crate::scalars::{self, Decimal, Money};

/// One line of an order, as it was priced.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub struct OrderLine {
    /// What was sold.
    #[graphql(skip)]
    pub sold: Sold,
    /// The order that it is a line of; `None` for a line of a quote.
    #[graphql(skip)]
    pub order: Option<Order>,
    /// Its number, from 1.
    pub line: u32,
    /// The item's id.
    pub item: ID,
    /// The item's code, `MAR`.
    pub code: String,
    /// The item's name then.
    pub name: String,
    /// The size, for a pizza.
    pub size: Option<PizzaSize>,
    /// How many.
    pub quantity: u32,
    /// The ids of the ingredients added to each.
    pub extras: Vec<ID>,
    /// The ids of the ingredients left out of each.
    pub without: Vec<ID>,
    /// What one costs, extras included.
    pub unit_price: Money,
    /// What the line costs.
    pub total: Money,
    /// Its VAT rate, in percent.
    pub vat_rate: Decimal,
    /// The version of the menu that its recipe and price are from.
    pub recipe_version: u32,
    /// Whether it has come out of the oven; for what is not a pizza, once the order is ready.
    pub baked: bool,
}

/// What a line sold, by codes: what its allergens and its recipe follow from.
#[derive(Debug, Clone)]
pub struct Sold {
    item: ItemCode,
    size: Option<menu::PizzaSize>,
    extras: Vec<IngredientCode>,
    without: Vec<IngredientCode>,
    version: u32,
}

impl Sold {
    /// The version of the menu that it was sold from.
    async fn menu(&self, ctx: &Context<'_>) -> Result<Arc<menus::Row>, ApiError> {
        let row = ctx.loaders()?.load_one(MenuVersion(self.version)).await?;
        row.ok_or_else(|| ApiError::internal(NoMenuVersion { version: self.version }))
    }
}

/// An order names a version of the menu that the log does not have.
#[derive(Debug, thiserror::Error)]
#[error("the menu has no version {version}")]
struct NoMenuVersion {
    version: u32,
}

/// An order names an item that its version of the menu does not sell.
#[derive(Debug, thiserror::Error)]
#[error("version {version} of the menu does not sell {item}")]
struct NotSold {
    item: ItemCode,
    version: u32,
}

impl OrderLine {
    /// A line of an order.
    pub fn of(order: &Order, line: &domain::order::OrderLine) -> Self {
        Self { order: Some(order.clone()), ..Self::from(line) }
    }
}

#[ComplexObject]
impl OrderLine {
    /// What the customer wants the kitchen to know about the line; `null` for a caller who may not see it, and once it is
    /// erased.
    #[graphql(directive = requires::apply(roles(Permission::ReadKitchenNote)))]
    async fn note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        match &self.order {
            Some(order) => order.kitchen_note_for(ctx, Some(self.line)).await,
            None => Ok(None),
        }
    }

    /// The allergens of what was sold: of its ingredients in the version of the menu that it was sold from, without
    /// those left out and with the extras. Never empty for want of data: what cannot be read is an error.
    async fn allergens(&self, ctx: &Context<'_>) -> Result<Vec<Allergen>, ApiError> {
        let Sold { item, size, extras, without, version } = &self.sold;
        let row = self.sold.menu(ctx).await?;
        let allergens = row.menu.allergens_as_sold(item, *size, without, extras.iter());
        let allergens =
            allergens.ok_or_else(|| ApiError::internal(NotSold { item: item.clone(), version: *version }))?;
        Ok(allergens.into_iter().map(Allergen::from).collect())
    }

    /// The recipe that the line was sold with, also after the menu has changed or the pizza is withdrawn; what is added
    /// and left out stands beside it. `null` for a drink or a dessert, and for those who may not read recipes.
    #[graphql(directive = requires::apply(roles(Permission::ReadRecipe)))]
    async fn recipe(&self, ctx: &Context<'_>) -> Result<Option<Recipe>, ApiError> {
        if !ctx.caller()?.may(Permission::ReadRecipe, Scope::Group) {
            return Ok(None);
        }
        let Some(size) = self.sold.size else { return Ok(None) };
        let row = self.sold.menu(ctx).await?;
        let menu = Arc::new(row.menu.clone());
        Ok(Recipe::of(&menu, row.published_at, self.sold.item.clone(), size, Origin::Version))
    }
}

impl From<&domain::order::OrderLine> for OrderLine {
    fn from(line: &domain::order::OrderLine) -> Self {
        Self {
            order: None,
            sold: Sold {
                item: line.item.clone(),
                size: line.size,
                extras: line.extras.iter().map(|extra| extra.ingredient.clone()).collect(),
                without: line.without.clone(),
                version: line.recipe_version,
            },
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

/// One VAT rate's part of a total.
#[derive(Debug, SimpleObject)]
pub struct VatPart {
    /// The rate, in percent.
    pub rate: Decimal,
    /// Without VAT.
    pub net: Money,
    /// The VAT.
    pub tax: Money,
    /// With VAT.
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

/// One entry of an order's payments.
#[derive(Debug, SimpleObject)]
pub struct Payment {
    /// Which way.
    pub kind: PaymentKind,
    /// The method of payment.
    pub method: PaymentMethod,
    /// How much; never negative.
    pub amount: Money,
    /// When it was authorised, captured, declined or given back.
    pub at: DateTime<Utc>,
}

/// A promised time, and when it was given.
#[derive(Debug, SimpleObject)]
pub struct Promise {
    /// For when.
    pub promised_at: DateTime<Utc>,
    /// Since when this promise holds.
    pub given_at: DateTime<Utc>,
}
