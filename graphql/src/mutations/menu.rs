//! The group's menu: each publication is a new version.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Context, ID, InputObject, Object};
use domain::Cents;
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, ItemCode};
use domain::menu::{self, ExtraEdit, IngredientEdit, MenuCommand, MenuEdits, PizzaEdit, SideEdit, SizeEdit};
use domain::usecase::ToMenu;
use domain::vat::{self, VatRate};

use super::run::{Asked, execute, payloads};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::inputs::{self, NAME_MAX, StockLineInput};
use crate::requires::{requires, roles};
use crate::scalars::{Date, Decimal};
use crate::types::enums::{Allergen, PizzaSize, SideCategory, Unit, VatClass};
use crate::types::menu::Menu;

/// Something counted in stock, new or by the code of one that there is: of that, what is omitted stays.
#[derive(Debug, InputObject)]
pub struct IngredientInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name; a new one needs it.
    pub name: Option<String>,
    /// What it is counted in; a new one needs it.
    pub unit: Option<Unit>,
    /// Its allergens, all of them; the empty list says that it has none. A new one needs the list.
    pub allergens: Option<Vec<Allergen>>,
    /// Whether a customer may have it left out of a pizza; a new one needs it.
    pub removable: Option<bool>,
}

/// One size of a pizza.
#[derive(Debug, InputObject)]
pub struct SizedPizzaInput {
    /// The size.
    pub size: PizzaSize,
    /// What it costs, VAT included; a new size needs it.
    pub price: Option<Decimal>,
    /// What one takes, dough and box included; a new size needs it.
    pub recipe: Option<Vec<StockLineInput>>,
}

/// A pizza, new or by the code of one that there is: of that, what is omitted stays, sizes included.
#[derive(Debug, InputObject)]
pub struct PizzaInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name; a new one needs it.
    pub name: Option<String>,
    /// The sizes that are added or changed; a new one needs at least one.
    #[graphql(default)]
    pub sizes: Vec<SizedPizzaInput>,
    /// The sizes that are taken off.
    #[graphql(default)]
    pub withdrawn_sizes: Vec<PizzaSize>,
}

/// A drink or a dessert, new or by the code of one that there is: of that, what is omitted stays. It is a stock item
/// under its own code, too: its allergens are those of that ingredient.
#[derive(Debug, InputObject)]
pub struct SideInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name; a new one needs it.
    pub name: Option<String>,
    /// Drink or dessert; a new one needs it.
    pub category: Option<SideCategory>,
    /// Its class for VAT; a new one needs it.
    pub vat_class: Option<VatClass>,
    /// What it costs, VAT included; a new one needs it.
    pub price: Option<Decimal>,
}

/// Something that can be added to a pizza, new or by its ingredient: of one that there is, what is omitted stays.
#[derive(Debug, InputObject)]
pub struct ExtraInput {
    /// What is added: an ingredient's id or code.
    pub ingredient: ID,
    /// How much of it, whatever the size; a new one needs it.
    pub quantity: Option<i64>,
    /// What it costs, VAT included; a new one needs it.
    pub price: Option<Decimal>,
}

/// What a class costs in VAT from a day on.
#[derive(Debug, InputObject)]
pub struct VatRateInput {
    /// The first day on which it applies.
    pub from: Date,
    /// The class.
    pub class: VatClass,
    /// Taken away or delivered, in percent.
    pub away: Decimal,
    /// Eaten on site, in percent.
    pub on_site: Decimal,
}

/// What a new version of the menu adds, changes by code, and takes off. What is omitted stays as it is.
#[derive(Debug, InputObject)]
pub struct PublishMenuInput {
    /// Ingredients added or changed.
    #[graphql(default)]
    pub ingredients: Vec<IngredientInput>,
    /// Pizzas added or changed.
    #[graphql(default)]
    pub pizzas: Vec<PizzaInput>,
    /// Drinks and desserts added or changed.
    #[graphql(default)]
    pub sides: Vec<SideInput>,
    /// Extras added or changed.
    #[graphql(default)]
    pub extras: Vec<ExtraInput>,
    /// VAT rates added; the latest that has begun applies.
    #[graphql(default)]
    pub vat: Vec<VatRateInput>,
    /// Pizzas, drinks and desserts taken off: ids or codes.
    #[graphql(default)]
    pub withdrawn: Vec<ID>,
    /// Extras taken off: their ingredients' ids or codes.
    #[graphql(default)]
    pub withdrawn_extras: Vec<ID>,
    /// 1 to 255 characters: the same key with the same input answers the same.
    pub idempotency_key: Option<String>,
    /// The version that was seen; another one is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

payloads! { menu: Menu, Menu::of_outcome;
    /// The menu that holds now, without a pizzeria's availability.
    PublishMenuPayload,
}

/// The menu.
#[derive(Debug, Default)]
pub struct MenuMutation;

/// The menu.
#[Object]
impl MenuMutation {
    /// Publishes a new version of the group's menu. Orders that were placed keep the prices and the
    /// recipes that they were placed with.
    #[graphql(directive = requires::apply(roles(Permission::PublishMenu)))]
    async fn publish_menu(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: PublishMenuInput,
    ) -> Result<PublishMenuPayload, ApiError> {
        ctx.caller()?.authorize(Permission::PublishMenu, Scope::Group)?;
        let edits = MenuEdits {
            ingredients: each("ingredients", &input.ingredients, ingredient)?,
            pizzas: each("pizzas", &input.pizzas, pizza)?,
            sides: each("sides", &input.sides, side)?,
            extras: each("extras", &input.extras, extra)?,
            vat: each("vat", &input.vat, dated_rate)?,
            withdrawn: each("withdrawn", &input.withdrawn, |field, id| ItemCode::required(id, field))?,
            withdrawn_extras: each("withdrawnExtras", &input.withdrawn_extras, |field, id| {
                IngredientCode::required(id, field)
            })?,
        };
        let command = MenuCommand::Edit { edits: Box::new(edits), now: ctx.now()? };
        let asked = Asked {
            idempotency_key: input.idempotency_key,
            expected_version: input.expected_version,
            contact: None,
        };
        Ok(execute(ctx, ToMenu { command }, asked).await?.into())
    }
}

/// The most that one list of a publication holds.
const LIST_MAX: usize = 200;

fn each<I, T>(
    name: &str,
    given: &[I],
    parse: impl Fn(&str, &I) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    if given.len() > LIST_MAX {
        return Err(ApiError::bad_input(format!("input.{name}: at most {LIST_MAX}")));
    }
    given.iter().enumerate().map(|(at, item)| parse(&format!("input.{name}[{at}]"), item)).collect()
}

fn name(field: &str, given: Option<&str>) -> Result<Option<String>, ApiError> {
    given.map(|name| inputs::text(&format!("{field}.name"), name, NAME_MAX)).transpose()
}

fn price(field: &str, given: Option<Decimal>) -> Result<Option<Cents>, ApiError> {
    given.map(|price| inputs::amount(&format!("{field}.price"), price)).transpose()
}

fn ingredient(field: &str, given: &IngredientInput) -> Result<IngredientEdit, ApiError> {
    let allergens = given.allergens.as_ref();
    Ok(IngredientEdit {
        code: IngredientCode::required(&given.code, &format!("{field}.code"))?,
        name: name(field, given.name.as_deref())?,
        unit: given.unit.map(Into::into),
        allergens: allergens.map(|all| all.iter().map(|allergen| (*allergen).into()).collect()),
        removable: given.removable,
    })
}

fn pizza(field: &str, given: &PizzaInput) -> Result<PizzaEdit, ApiError> {
    let sized = |(at, sized): (usize, &SizedPizzaInput)| {
        let field = format!("{field}.sizes[{at}]");
        let recipe = sized.recipe.as_deref();
        let recipe = recipe.map(|lines| inputs::stock_lines(&format!("{field}.recipe"), lines, 1));
        let recipe = recipe.transpose()?;
        Ok((sized.size.into(), SizeEdit { price: price(&field, sized.price)?, recipe }))
    };
    let sizes: BTreeMap<_, _> = given.sizes.iter().enumerate().map(sized).collect::<Result<_, ApiError>>()?;
    let withdrawn_sizes: BTreeSet<menu::PizzaSize> =
        given.withdrawn_sizes.iter().map(|size| (*size).into()).collect();
    if sizes.len() != given.sizes.len() || sizes.keys().any(|size| withdrawn_sizes.contains(size)) {
        let message = format!("{field}: each size once, in `sizes` or in `withdrawnSizes`");
        return Err(ApiError::bad_input(message));
    }
    Ok(PizzaEdit {
        code: ItemCode::required(&given.code, &format!("{field}.code"))?,
        name: name(field, given.name.as_deref())?,
        sizes,
        withdrawn_sizes,
    })
}

fn side(field: &str, given: &SideInput) -> Result<SideEdit, ApiError> {
    Ok(SideEdit {
        code: ItemCode::required(&given.code, &format!("{field}.code"))?,
        name: name(field, given.name.as_deref())?,
        category: given.category.map(Into::into),
        vat_class: given.vat_class.map(Into::into),
        price: price(field, given.price)?,
    })
}

fn extra(field: &str, given: &ExtraInput) -> Result<ExtraEdit, ApiError> {
    let quantity = given.quantity.map(|value| inputs::quantity(&format!("{field}.quantity"), value, 1));
    Ok(ExtraEdit {
        ingredient: IngredientCode::required(&given.ingredient, &format!("{field}.ingredient"))?,
        quantity: quantity.transpose()?,
        price: price(field, given.price)?,
    })
}

fn dated_rate(field: &str, given: &VatRateInput) -> Result<vat::DatedRate, ApiError> {
    // A percentage with two decimals is a number of hundredths of a percent.
    let rate = |name: &str, percent| {
        let field = format!("{field}.{name}");
        let hundredths = inputs::amount(&field, percent)?.0;
        let rate = u32::try_from(hundredths).map_err(|_| ApiError::bad_input(format!("{field}: a rate")))?;
        Ok::<_, ApiError>(VatRate(rate))
    };
    Ok(vat::DatedRate {
        from: given.from.0,
        class: given.class.into(),
        away: rate("away", given.away)?,
        on_site: rate("onSite", given.on_site)?,
    })
}
