//! Personal data, kept outside the log. Who may see it is decided by what holds it.

use async_graphql::SimpleObject;
use domain::ids::ContactId;
use identity::personal_data::ContactRow;

/// Who an order is for, and where to.
#[derive(Debug, Clone, Default, SimpleObject)]
pub struct Contact {
    /// Somebody's name; a pseudonym for auditors.
    pub name: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Where that is.
    pub address: Option<Address>,
    #[graphql(skip)]
    pub(crate) note: Option<String>,
}

/// A postal address.
#[derive(Debug, Clone, SimpleObject)]
pub struct Address {
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Name of the city.
    pub city: Option<String>,
    /// Degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84.
    pub longitude: Option<f64>,
}

impl Contact {
    /// What an auditor sees: the same name for the same row, and nothing of what it holds.
    pub(crate) fn pseudonym(id: ContactId) -> Self {
        Self { name: Some(format!("contact {id}")), ..Self::default() }
    }
}

impl From<ContactRow> for Contact {
    fn from(row: ContactRow) -> Self {
        let ContactRow { name, phone, email, street, postcode, city, latitude, longitude, note, .. } = row;
        let known = street.is_some() || postcode.is_some() || city.is_some() || latitude.is_some();
        let address = known.then_some(Address { street, postcode, city, latitude, longitude });
        Self { name, phone, email, address, note }
    }
}
