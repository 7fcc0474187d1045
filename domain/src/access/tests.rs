//! Every permission × role × scope, against a table written by hand from DOMAIN.md, never derived from the
//! code's own table.

use super::*;

const OWN: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// Permissions by role: C customer, R receptionist, P pizzaiolo, L courier (livreur), M manager, D director,
/// A auditor, S system.
const TABLE: &[(Permission, &str)] = &[
    (Permission::ManageOwnAccount, "CRPLMDAS"),
    (Permission::PlaceOrder, "CR..MD.S"),
    (Permission::ChangeOrderLines, "CR..MD.S"),
    (Permission::CancelOrder, "CR..MD.S"),
    (Permission::CancelStartedOrder, "....MD.S"),
    (Permission::PayOnline, "CR..MD.S"),
    (Permission::RecordPayment, ".R.LMD.S"),
    (Permission::RefundOrder, "....MD.S"),
    (Permission::ReadOrder, "CRPLMDAS"),
    (Permission::ReadBoard, ".R..MDAS"),
    (Permission::ListOrders, "CR..MDAS"),
    (Permission::ReadContact, "CR.LMDAS"),
    (Permission::ReadNote, "CRPLMD.S"),
    (Permission::ReadKitchenNote, "CRP.MD.S"),
    (Permission::ReadDeliveryNote, "CR.LMD.S"),
    (Permission::ReadFirstName, "CRPLMD.S"),
    (Permission::ReadComment, ".RPLMD.S"),
    (Permission::ReadDeliveryCode, "CR..MD.."),
    (Permission::ReadKitchen, "..P.MDAS"),
    (Permission::ReadRecipe, "..P.MDAS"),
    (Permission::PrepareOrder, "..P.MD.S"),
    (Permission::HandOverOrder, ".R..MD.S"),
    (Permission::ReadDelivery, "CR.LMDAS"),
    (Permission::ListDeliveries, ".R.LMDAS"),
    (Permission::ClaimDelivery, "...LMD.S"),
    (Permission::AssignDelivery, "....MD.S"),
    (Permission::CarryDelivery, "...LMD.S"),
    (Permission::ReportCourierPosition, "...LMD.S"),
    (Permission::ReadStock, ".RP.MDAS"),
    (Permission::KeepStock, "..P.MD.S"),
    (Permission::TransferStock, "....MD.S"),
    (Permission::SetStockThreshold, "....MD.S"),
    (Permission::BlockPizza, "....MD.S"),
    (Permission::PausePizzeria, "....MD.S"),
    (Permission::ManageStaff, "....MD.S"),
    (Permission::ReadUnpaidLimits, ".R..MDAS"),
    (Permission::ReleaseUnpaidOrders, "....MD.S"),
    (Permission::ReadSales, "....MDAS"),
    (Permission::ReadEvents, "....MDAS"),
    (Permission::ReadPayload, "....MDAS"),
    (Permission::ReadStaffName, "CRPLMDAS"),
    (Permission::ReadLog, "....MDAS"),
    (Permission::OpenPizzeria, ".....D.S"),
    (Permission::UpdatePizzeria, ".....D.S"),
    (Permission::PublishMenu, ".....D.S"),
    (Permission::EraseOwnAccount, "C......."),
    (Permission::EraseCustomer, ".....D.S"),
    (Permission::ReadContactReads, ".....D.S"),
];

fn letter(role: Role) -> char {
    match role {
        Role::Customer => 'C',
        Role::Receptionist => 'R',
        Role::Pizzaiolo => 'P',
        Role::Courier => 'L',
        Role::Manager => 'M',
        Role::Director => 'D',
        Role::Auditor => 'A',
        Role::System => 'S',
    }
}

/// Returns the expected answer to a role that has a permission, in a scope.
fn within(role: Role, permission: Permission, scope: &str) -> Result<(), Denied> {
    match (letter(role), permission, scope) {
        (_, _, "own account") => Ok(()),
        (_, Permission::ManageOwnAccount, _) => Err(Denied::Forbidden),
        (_, Permission::ReadRecipe | Permission::ReadLog, _) => Ok(()),
        ('D' | 'A' | 'S', _, _) => Ok(()),
        ('C', _, "my order here" | "my order there") => Ok(()),
        ('C', _, "group" | "here" | "there") => Err(Denied::Forbidden),
        ('C', _, _) => Err(Denied::NotFound),
        (_, _, "here" | "my order here" | "another's order here" | "a walk-in's order here") => Ok(()),
        (_, _, _) => Err(Denied::Forbidden),
    }
}

#[test]
fn decides_every_permission_role_and_scope_by_the_table() {
    let (here, there): (PizzeriaId, PizzeriaId) = ("P1".parse().unwrap(), "P2".parse().unwrap());
    let order =
        |customer: Option<Uuid>, pizzeria| Scope::Own { customer: customer.map(CustomerId), pizzeria };
    let scopes = [
        ("group", Scope::Group),
        ("here", Scope::Pizzeria(&here)),
        ("there", Scope::Pizzeria(&there)),
        ("my order here", order(Some(OWN), &here)),
        ("my order there", order(Some(OWN), &there)),
        ("another's order here", order(Some(OTHER), &here)),
        ("another's order there", order(Some(OTHER), &there)),
        ("a walk-in's order here", order(None, &here)),
        ("a walk-in's order there", order(None, &there)),
        ("own account", Scope::Account(OWN)),
        ("another account", Scope::Account(OTHER)),
    ];
    assert_eq!(TABLE.iter().map(|(permission, _)| *permission).collect::<Vec<_>>(), Permission::ALL);
    for (permission, roles) in TABLE {
        for (name, scope) in scopes {
            let anonymous = authorize(None, *permission, scope);
            assert_eq!(anonymous, Err(Denied::Unauthenticated), "{permission:?} {name}");
            for role in Role::ALL {
                let pizzeria = match letter(role) {
                    'R' | 'P' | 'L' | 'M' => Some(here.clone()),
                    _ => None,
                };
                let actor = Actor { id: OWN, role, pizzeria };
                let expected = if roles.contains(letter(role)) {
                    within(role, *permission, name)
                } else {
                    Err(Denied::Forbidden)
                };
                assert_eq!(
                    authorize(Some(&actor), *permission, scope),
                    expected,
                    "{permission:?} {role} {name}"
                );
            }
        }
    }
}

#[test]
fn confines_the_functional_check_to_its_pizzeria() {
    let (here, there) = (PizzeriaId::functional_check(), "P1".parse().unwrap());
    let check = Actor::functional_check();
    for permission in Permission::ALL.iter().copied() {
        let may = |scope| authorize(Some(&check), permission, scope).is_ok();
        let own = |pizzeria| Scope::Own { customer: None, pizzeria };
        let shared = matches!(permission, Permission::ReadRecipe | Permission::ReadLog);
        assert_eq!(may(Scope::Group), shared, "{permission:?}");
        assert_eq!(may(Scope::Pizzeria(&there)), shared, "{permission:?}");
        assert_eq!(may(own(&there)), shared, "{permission:?}");
        assert_eq!(may(Scope::Account(check.id)), shared, "{permission:?}");
        let needed = !matches!(
            permission,
            Permission::ManageOwnAccount
                | Permission::ChangeOrderLines
                | Permission::PayOnline
                | Permission::ReadContact
                | Permission::ReadNote
                | Permission::ReadKitchenNote
                | Permission::ReadDeliveryNote
                | Permission::ReadFirstName
                | Permission::ReadComment
                | Permission::ReadDeliveryCode
                | Permission::AssignDelivery
                | Permission::ReportCourierPosition
                | Permission::TransferStock
                | Permission::SetStockThreshold
                | Permission::BlockPizza
                | Permission::PausePizzeria
                | Permission::ManageStaff
                | Permission::ReadPayload
                | Permission::ReadStaffName
                | Permission::UpdatePizzeria
                | Permission::PublishMenu
                | Permission::EraseOwnAccount
                | Permission::EraseCustomer
                | Permission::ReadContactReads
        );
        // A permission added later is denied unless it is listed here.
        if !needed {
            assert!(!may(Scope::Pizzeria(&here)), "{permission:?}");
        } else if permission.is_of_functional_check() {
            assert!(may(Scope::Pizzeria(&here)) && may(own(&here)), "{permission:?}");
        }
    }
    assert!(authorize(Some(&check), Permission::PlaceOrder, Scope::Pizzeria(&here)).is_ok());
}

#[test]
fn denies_other_roles_the_pizzeria_of_the_functional_check() {
    let here = PizzeriaId::functional_check();
    for role in Role::ALL {
        let pizzeria = (role != Role::System).then(|| here.clone());
        let actor = Actor { id: OWN, role, pizzeria };
        for permission in Permission::ALL.iter().copied() {
            let shared = permission.is_shared();
            let expected = roles_of(permission).contains(&role)
                && (shared || matches!(role, Role::Auditor | Role::System))
                && permission != Permission::ManageOwnAccount;
            for scope in
                [Scope::Pizzeria(&here), Scope::Own { customer: Some(CustomerId(OWN)), pizzeria: &here }]
            {
                assert_eq!(
                    authorize(Some(&actor), permission, scope).is_ok(),
                    expected,
                    "{role} {permission:?}"
                );
            }
        }
    }
}

#[test]
fn denies_staff_without_a_pizzeria() {
    let here: PizzeriaId = "P1".parse().unwrap();
    let lost = Actor { id: OWN, role: Role::Manager, pizzeria: None };
    assert_eq!(authorize(Some(&lost), Permission::ReadStock, Scope::Pizzeria(&here)), Err(Denied::Forbidden));
}

#[test]
fn roles_hire_only_lower_staff_roles() {
    let hires = |role: Role| -> String {
        Role::ALL.into_iter().filter(|hired| role.may_hire(*hired)).map(letter).collect()
    };
    assert_eq!(Role::ALL.map(hires), ["", "", "", "", "RPL", "RPLMDA", "", "RPLMDA"].map(str::to_owned));
}

#[test]
fn parses_roles_by_name() {
    for role in Role::ALL {
        assert_eq!(role.as_str().parse(), Ok(role));
    }
    assert_eq!("BAKER".parse::<Role>(), Err(InvalidId { kind: "role" }));
}
