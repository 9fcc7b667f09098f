//! What a tool takes, as models' servers take it.

use serde_json::{Value, json};

use super::ToolSpec;
use super::dialect::Form;
use super::lessons::Quirk;

/// What some servers do not know in a schema.
const FANCY: [&str; 4] = ["$schema", "$id", "strict", "additionalProperties"];
/// Where the names are those of a tool's own inputs.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// The schema of a tool, without what its server has refused.
pub(super) fn of(spec: &ToolSpec, form: &Form<'_>) -> Value {
    let mut schema = serde_json::from_str(&spec.input_schema).unwrap_or(Value::Null);
    if !schema.is_object() {
        schema = json!({"type": "object", "properties": {}});
    }
    if form.lessons.has(Quirk::PlainSchemas) {
        plain(&mut schema);
    }
    schema
}

fn plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|name, _| !FANCY.contains(&name.as_str()));
            for (name, field) in fields {
                match field {
                    Value::Object(named) if NAMED.contains(&name.as_str()) => named.values_mut().for_each(plain),
                    other => plain(other),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}
