//! Input schemas as all providers take them. One that they refuse would make every turn fail: it is mended where that
//! loses nothing, and otherwise its tool is left out, by name.

use serde_json::{Map, Value, json};

/// A schema, in bytes of JSON, and in levels.
const SCHEMA_BYTES: usize = 64 * 1024;
const SCHEMA_LEVELS: usize = 32;

/// Errors: why it cannot be used.
pub(super) fn mended(schema: &Value) -> Result<Value, &'static str> {
    let mut schema = match schema {
        Value::Null => Map::new(),
        Value::Object(schema) => schema.clone(),
        _ => return Err("its input schema is no object"),
    };
    schema.remove("$schema");
    schema.remove("$id");
    match schema.get("type") {
        None => {}
        Some(Value::String(kind)) if kind == "object" => {}
        Some(Value::Array(kinds)) if kinds.iter().any(|kind| kind == "object") => {}
        _ => return Err("its input is no object"),
    }
    schema.insert("type".to_owned(), json!("object"));
    for union in ["allOf", "anyOf", "oneOf"] {
        let Some(branches) = schema.remove(union) else { continue };
        merge(&mut schema, &branches, union == "allOf")?;
    }
    for unusable in ["not", "enum", "const", "if", "then", "else"] {
        schema.remove(unusable); // they only forbid: the server checks its input itself
    }
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema.insert("properties".to_owned(), json!({}));
    }
    let mut schema = Value::Object(schema);
    mend_below(&mut schema, 0)?;
    if schema.to_string().len() > SCHEMA_BYTES {
        return Err("its input schema is too long");
    }
    Ok(schema)
}

/// Branches at the top become one object with the properties of all. A property is required where all require it, so
/// what the server takes can still be said.
fn merge(schema: &mut Map<String, Value>, branches: &Value, is_all: bool) -> Result<(), &'static str> {
    let branches = branches.as_array().ok_or("its input schema has a union that is no list")?;
    let mut properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut required: Option<Vec<Value>> = None;
    for branch in branches {
        let branch = branch.as_object().ok_or("its input schema has a branch that is no object")?;
        if branch.contains_key("$ref") {
            return Err("its input schema refers to another at the top");
        }
        if branch.get("type").is_some_and(|kind| kind != "object") {
            return Err("its input may be something else than an object");
        }
        for (name, property) in branch.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let known = properties.entry(name.clone()).or_insert_with(|| property.clone());
            if known != property {
                *known = json!({"anyOf": [known.clone(), property]});
            }
        }
        let own = branch.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        required = Some(match required {
            None => own,
            Some(mut all) if is_all => {
                all.extend(own);
                all
            }
            Some(all) => all.into_iter().filter(|name| own.contains(name)).collect(),
        });
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    let mut all = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for name in required.unwrap_or_default() {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    schema.insert("required".to_owned(), Value::Array(all));
    Ok(())
}

/// Empty or null enums, and `required` that is no list.
fn mend_below(schema: &mut Value, level: usize) -> Result<(), &'static str> {
    if level > SCHEMA_LEVELS {
        return Err("its input schema is nested too deeply");
    }
    match schema {
        Value::Object(schema) => {
            match schema.get_mut("enum") {
                Some(Value::Array(values)) => {
                    values.retain(|value| !value.is_null());
                    if values.is_empty() {
                        schema.remove("enum");
                    }
                }
                Some(value) if !value.is_object() => drop(schema.remove("enum")),
                _ => {}
            }
            match schema.get("required") {
                Some(Value::Array(names)) if !names.is_empty() => {}
                Some(Value::Object(_)) | None => {} // a property of that name
                _ => drop(schema.remove("required")),
            }
            if schema.get("items").is_none() && schema.get("type").is_some_and(|kind| kind == "array") {
                schema.insert("items".to_owned(), json!({}));
            }
            schema.values_mut().try_for_each(|value| mend_below(value, level + 1))
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| mend_below(value, level + 1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Value, expected: Result<Value, &str>) {
        assert_eq!(mended(&schema), expected, "{schema}");
    }

    #[test]
    fn what_loses_nothing_is_mended() {
        let empty = json!({"type": "object", "properties": {}});
        check(Value::Null, Ok(empty.clone()));
        check(json!({}), Ok(empty.clone()));
        check(json!({"type": "object", "$schema": "x", "required": [], "properties": null}), Ok(empty));
        check(
            json!({"type": "object", "properties": {"a": {"type": "string", "enum": null}, "b": {"enum": ["x", null]}}}),
            Ok(json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"enum": ["x"]}}})),
        );
        check(
            json!({"anyOf": [
                {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]},
                {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}
            ]}),
            Ok(json!({"type": "object", "required": ["a"],
                "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "number"}]}, "b": {}}})),
        );
        check(
            json!({"type": "object", "properties": {"required": {"type": "boolean"}, "l": {"type": "array"}}}),
            Ok(
                json!({"type": "object", "properties": {"required": {"type": "boolean"}, "l": {"type": "array", "items": {}}}}),
            ),
        );
    }

    #[test]
    fn what_cannot_be_mended_is_named() {
        check(json!([1]), Err("its input schema is no object"));
        check(json!({"type": "string"}), Err("its input is no object"));
        check(json!({"oneOf": [{"type": "array"}]}), Err("its input may be something else than an object"));
        check(json!({"anyOf": [{"$ref": "#/x"}]}), Err("its input schema refers to another at the top"));
        let deep = (0..100).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}));
        check(deep, Err("its input schema is nested too deeply"));
        let long = json!({"description": "x".repeat(SCHEMA_BYTES)});
        check(long, Err("its input schema is too long"));
    }
}
