//! Personal data, kept outside the log. The entity that holds a contact decides who may see it.

use crate::field_access::open;
use async_graphql::SimpleObject;
use domain::ids::ContactId;
use identity::personal_data::ContactRow;

/// The person an order is for, and the address.
#[derive(Debug, Clone, Default, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Contact {
    /// The person's name; a pseudonym for auditors, `null` when not set.
    pub name: Option<String>,
    /// Phone number; `null` when not set.
    pub phone: Option<String>,
    /// E-mail address; `null` when not set.
    pub email: Option<String>,
    /// Postal address; `null` when not set.
    pub address: Option<Address>,
    #[graphql(skip)]
    pub(crate) note: Option<String>,
}

/// A postal address.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Address {
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Name of the city.
    pub city: Option<String>,
    /// Latitude in degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Longitude in degrees, WGS 84.
    pub longitude: Option<f64>,
}

impl Contact {
    /// Returns what an auditor sees: a stable name per row and none of its data.
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
