//! The group's menu: published whole, as a new version.

use async_graphql::{Context, ID, InputObject, Object};
use domain::access::{Permission, Scope};
use domain::ids::{IngredientCode, ItemCode};
use domain::menu::{self, MenuChanges, MenuCommand, SizedPizza};
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

/// Something counted in stock.
#[derive(Debug, InputObject)]
pub struct IngredientInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name.
    pub name: String,
    /// What it is counted in.
    pub unit: Unit,
    /// Its allergens.
    #[graphql(default)]
    pub allergens: Vec<Allergen>,
    /// Whether a customer may have it left out of a pizza.
    #[graphql(default)]
    pub removable: bool,
}

/// One size of a pizza.
#[derive(Debug, InputObject)]
pub struct SizedPizzaInput {
    /// The size.
    pub size: PizzaSize,
    /// What it costs, VAT included.
    pub price: Decimal,
    /// What one takes, dough and box included.
    pub recipe: Vec<StockLineInput>,
}

/// A pizza with every size.
#[derive(Debug, InputObject)]
pub struct PizzaInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name.
    pub name: String,
    /// The sizes it is sold in.
    pub sizes: Vec<SizedPizzaInput>,
}

/// A drink or a dessert: a stock item under its own code, too.
#[derive(Debug, InputObject)]
pub struct SideInput {
    /// Its code: 1 to 32 characters of `A-Z`, `0-9` and `_`.
    pub code: ID,
    /// Its name.
    pub name: String,
    /// Drink or dessert.
    pub category: SideCategory,
    /// Its class for VAT.
    pub vat_class: VatClass,
    /// What it costs, VAT included.
    pub price: Decimal,
}

/// Something that can be added to a pizza.
#[derive(Debug, InputObject)]
pub struct ExtraInput {
    /// What is added: an ingredient's id or code.
    pub ingredient: ID,
    /// How much of it, whatever the size.
    pub quantity: i64,
    /// What it costs, VAT included.
    pub price: Decimal,
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

/// What a new version of the menu adds, replaces by code, and takes off.
#[derive(Debug, InputObject)]
pub struct PublishMenuInput {
    /// Ingredients added or replaced.
    #[graphql(default)]
    pub ingredients: Vec<IngredientInput>,
    /// Pizzas added or replaced, with every size.
    #[graphql(default)]
    pub pizzas: Vec<PizzaInput>,
    /// Drinks and desserts added or replaced.
    #[graphql(default)]
    pub sides: Vec<SideInput>,
    /// Extras added or replaced.
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
        let changes = MenuChanges {
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
        let command = MenuCommand::Publish { changes: Box::new(changes), now: ctx.now()? };
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

fn ingredient(field: &str, given: &IngredientInput) -> Result<menu::Ingredient, ApiError> {
    Ok(menu::Ingredient {
        code: IngredientCode::required(&given.code, &format!("{field}.code"))?,
        name: inputs::text(&format!("{field}.name"), &given.name, NAME_MAX)?,
        unit: given.unit.into(),
        allergens: given.allergens.iter().map(|allergen| (*allergen).into()).collect(),
        removable: given.removable,
    })
}

fn pizza(field: &str, given: &PizzaInput) -> Result<menu::Pizza, ApiError> {
    let sized = |(at, sized): (usize, &SizedPizzaInput)| {
        let field = format!("{field}.sizes[{at}]");
        let recipe = inputs::stock_lines(&format!("{field}.recipe"), &sized.recipe, 1)?;
        let price = inputs::amount(&format!("{field}.price"), sized.price)?;
        Ok((sized.size.into(), SizedPizza { price, recipe }))
    };
    let sizes: std::collections::BTreeMap<_, _> =
        given.sizes.iter().enumerate().map(sized).collect::<Result<_, ApiError>>()?;
    if sizes.len() != given.sizes.len() {
        return Err(ApiError::bad_input(format!("{field}.sizes: each size once")));
    }
    Ok(menu::Pizza {
        code: ItemCode::required(&given.code, &format!("{field}.code"))?,
        name: inputs::text(&format!("{field}.name"), &given.name, NAME_MAX)?,
        sizes,
    })
}

fn side(field: &str, given: &SideInput) -> Result<menu::Side, ApiError> {
    Ok(menu::Side {
        code: ItemCode::required(&given.code, &format!("{field}.code"))?,
        name: inputs::text(&format!("{field}.name"), &given.name, NAME_MAX)?,
        category: given.category.into(),
        vat_class: given.vat_class.into(),
        price: inputs::amount(&format!("{field}.price"), given.price)?,
    })
}

fn extra(field: &str, given: &ExtraInput) -> Result<menu::Extra, ApiError> {
    Ok(menu::Extra {
        ingredient: IngredientCode::required(&given.ingredient, &format!("{field}.ingredient"))?,
        quantity: inputs::quantity(&format!("{field}.quantity"), given.quantity, 1)?,
        price: inputs::amount(&format!("{field}.price"), given.price)?,
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
