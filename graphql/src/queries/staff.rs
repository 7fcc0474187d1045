//! The query for staff, for callers who may hire.

use async_graphql::{Context, ID, Object};
use domain::access::Permission;
use domain::ids::StaffId;
use identity::accounts::registration;
use projections::page::{Page, PageArgs, PageError, decode_cursor, encode_cursor};
use uuid::Uuid;

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::types::page::connection;
use crate::types::pizzeria::pizzerias_of;
use crate::types::staff::Staff;

connection!(StaffConnection, StaffEdge, Staff, "members of staff");

/// Queries for staff.
#[derive(Debug, Default)]
pub struct StaffQuery;

#[Object]
impl StaffQuery {
    /// The staff of a pizzeria or of the whole group, ordered by name, including former staff.
    #[graphql(directive = requires::apply(Permission::ManageStaff))]
    async fn staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Staff of this pizzeria, by id or code. Managers see only staff of their own.")]
        pizzeria_id: Option<ID>,
        #[graphql(desc = "Returns the first `n` items (1–100).")] first: Option<i32>,
        #[graphql(desc = "Returns the items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last `n` items (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the items before this cursor.")] before: Option<String>,
    ) -> Result<StaffConnection, ApiError> {
        let pizzerias = pizzerias_of(ctx, pizzeria_id.as_ref())?;
        let args = PageArgs::new(first, after.as_deref(), last, before.as_deref())?;
        let all = registration::staff_of(&ctx.services()?.pool, pizzerias.first()).await?;
        let ids: Vec<StaffId> = all.into_iter().map(|account| StaffId(account.id)).collect();
        Ok(page(&ids, &args)?.into())
    }
}

/// The list name in the cursors.
const CURSOR_LIST: &str = "staff";

fn cursor(id: StaffId) -> String {
    encode_cursor(CURSOR_LIST, id.0)
}

/// Cuts a page from a list in memory: a group has a few hundred members of staff.
fn page(ids: &[StaffId], args: &PageArgs) -> Result<Page<Staff>, ApiError> {
    let place = |cursor: &str| {
        let wanted: Uuid = decode_cursor(CURSOR_LIST, cursor)?;
        ids.iter().position(|id| id.0 == wanted).ok_or(PageError::Cursor)
    };
    let (after, before) = (args.after().map(place).transpose()?, args.before().map(place).transpose()?);
    let from = after.map_or(0, |at| at + 1);
    let to = before.unwrap_or(ids.len()).max(from);
    let between = ids[from..to].iter().map(|id| Staff(*id)).collect();
    Ok(args.page(between, (after.is_some(), before.is_some()), |staff| cursor(staff.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_pages_between_cursors() {
        let ids: Vec<StaffId> = (1..=5).map(|number| StaffId(Uuid::from_u128(number))).collect();
        let at = |number: usize| cursor(ids[number - 1]);
        let of = |page: Page<Staff>| {
            let numbers: Vec<u128> = page.items.iter().map(|item| item.node.0.0.as_u128()).collect();
            (numbers, page.has_previous, page.has_next)
        };
        let page = |first, after: Option<String>, last, before: Option<String>| {
            of(page(&ids, &PageArgs::new(first, after.as_deref(), last, before.as_deref()).unwrap()).unwrap())
        };
        assert_eq!(page(Some(2), None, None, None), (vec![1, 2], false, true));
        assert_eq!(page(Some(2), Some(at(2)), None, None), (vec![3, 4], true, true));
        assert_eq!(page(Some(9), Some(at(4)), None, None), (vec![5], true, false));
        assert_eq!(page(None, None, Some(2), Some(at(3))), (vec![1, 2], false, true));
        assert_eq!(page(None, None, Some(1), None), (vec![5], true, false));
        assert_eq!(page(Some(9), Some(at(4)), None, Some(at(2))), (vec![], true, true));
        assert!(super::page(&ids, &PageArgs::new(Some(1), Some("?"), None, None).unwrap()).is_err());
    }
}
