//! `abci_info` and `abci_query`: the way to the application's own queries and to its raw store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Failure;
use super::params::Params;
use crate::node::Node;
use crate::query::{self, QueryError};

/// `/abci_info`.
pub(super) fn abci_info(node: &Node) -> Value {
    let hash = node.ledger.last().map_or(String::new(), |b| STANDARD.encode(b.app_hash));
    json!({
        "response": {
            "data": "akash",
            "version": env!("CARGO_PKG_VERSION"),
            "last_block_height": node.ledger.height().to_string(),
            "last_block_app_hash": hash,
        },
    })
}

/// `/abci_query`: failures of the application are results with a code, not errors.
pub(super) fn abci_query(node: &Node, params: &Params) -> Result<Value, Failure> {
    let path = params.text("path");
    let data = params.bytes("data")?;
    let height = params.integer("height")?.unwrap_or(0);
    let mut response = Map::new();
    match query::at_height(node, path, height).and_then(|app| query::answer(app, &node.genesis, path, &data))
    {
        Ok(value) => {
            if path.starts_with("/store/") {
                response.insert("key".into(), json!(STANDARD.encode(&data)));
            }
            let value = if value.is_empty() { Value::Null } else { json!(STANDARD.encode(value)) };
            response.insert("value".into(), value);
            let height = if height == 0 { node.ledger.height() } else { height };
            response.insert("height".into(), json!(height.to_string()));
        }
        Err(error) => {
            let code = match error {
                QueryError::UnknownPath(_) => 6,
                QueryError::Height(_) | QueryError::Future => 26,
                QueryError::Request(_) | QueryError::NotFound(_) => 22,
            };
            response.insert("code".into(), json!(code));
            response.insert("log".into(), json!(error.to_string()));
            response.insert("codespace".into(), json!("sdk"));
        }
    }
    Ok(json!({ "response": response }))
}
