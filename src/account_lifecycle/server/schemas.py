"""JSON RecordSchemas of records, read from the one place where the shape of each is written: its ``to_dict``.

A ``to_dict`` returns an object that is written out. What stands in it is a field of the record, a property, a call of a
function or a part of another record; each of them is annotated, so the type of every value is known without running
anything: a word of an enum, a time as text, a record within a record. What cannot be read so is a ``TypeError``, which
asks for a plainer expression: a schema that guesses would be a second shape.

This is read where the document is written (``openapi``), not in a server.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import reduce
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..lifecycle.wording import JsonObject, plain, time_text

Schema = JsonObject
Names = Mapping[str, Any]
"""The types of names."""

_PRIMITIVES: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
}
NULL = _PRIMITIVES[NoneType]
_BUILT_IN = {"total_seconds": float, "decode": str}
"""What methods return that Python itself does not annotate."""
_TIME: Schema = {"type": "string", "format": "date-time"}


class RecordSchemas:
    """Schemas by the names of the records and enums that they are of: those that were asked for, and those in them."""

    def __init__(self) -> None:
        self._found: dict[str, Schema] = {}
        self._classes: dict[str, type] = {}

    def components(self) -> dict[str, Schema]:
        """Return the schemas by their names."""
        return {name: self._found[name] for name in sorted(self._found)}

    def reference(self, of: type) -> Schema:
        """Return a reference to the schema of a record or an enum, which is read if it was not yet."""
        name = of.__name__
        if self._classes.setdefault(name, of) is not of:
            raise TypeError(f"two classes are called {name}: {self._classes[name]} and {of}")
        if name not in self._found:
            self._found[name] = {}  # a record may be within itself
            self._found[name] = _enum(of) if issubclass(of, Enum) else self._record(of)
        return {"$ref": f"#/components/schemas/{name}"}

    def merged(self, schemas: list[Schema]) -> Schema:
        """Return the schema of one of several objects: what one of them may have, and all of them must."""
        if len(schemas) == 1:
            return schemas[0]
        properties: dict[str, list[Schema]] = {}
        for schema in schemas:
            for name, described in schema["properties"].items():
                plain_schema = {key: value for key, value in described.items() if key != "description"}
                properties.setdefault(name, []).append(plain_schema)
        required = [name for name in properties if all(name in schema["required"] for schema in schemas)]
        return _object({name: any_of(self._widest(found)) for name, found in properties.items()}, required)

    def _widest(self, schemas: list[Schema]) -> list[Schema]:
        """Return schemas without those of words, where another one takes any text."""
        if _PRIMITIVES[str] not in schemas:
            return schemas
        return [each for each in schemas if "enum" not in self._found.get(each.get("$ref", "").rpartition("/")[2], {})]

    def _record(self, of: type) -> Schema:
        schema = _Reading(self, *_function(of.to_dict), {"self": of}).result()  # type: ignore[attr-defined]
        docs = _field_docs(of)
        for name, described in schema["properties"].items():
            if name in docs:
                described["description"] = docs[name]
        return {"description": _summary(of), **schema}


def _enum(of: type[Enum]) -> Schema:
    return {"description": _summary(of), "type": "string", "enum": [str(member.value) for member in of]}


class _Reading:
    """One function that returns a value for JSON, with the types of its arguments."""

    def __init__(self, schemas: RecordSchemas, tree: ast.FunctionDef, module: Names, types: Names) -> None:
        self._schemas = schemas
        self._tree = tree
        self._module = module
        self._types = dict(types)

    def result(self) -> Schema:
        """Return the schema of what it returns."""
        for statement in ast.walk(self._tree):
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self._types[statement.targets[0].id] = self._type(statement.value)
        returns = [node.value for node in ast.walk(self._tree) if isinstance(node, ast.Return) and node.value]
        return self._schemas.merged([self._schema(value) for value in returns])

    # ---- RecordSchemas of expressions ------------------------------------------------------------------

    def _schema(self, value: ast.expr) -> Schema:
        match value:
            case ast.Constant(None):
                return dict(NULL)
            case ast.Constant(word) if isinstance(word, str) and word:
                return {"type": "string", "const": word}
            case ast.IfExp(body=first, orelse=second):
                return any_of([self._schema(second), self._schema(first)])
            case ast.Dict():
                return self._object(value)
            case ast.DictComp(value=inner):
                return {"type": "object", "additionalProperties": self._within(value).schema_of(inner)}
            case ast.ListComp(elt=inner):
                return {"type": "array", "items": self._within(value).schema_of(inner)}
            case ast.Call(func=ast.Attribute(value=record, attr="to_dict")):
                return any_of([self._schemas.reference(each) for each in _records(self._type(record))])
            case ast.Call(func=ast.Name(name), args=[argument]) if self._module.get(name) is time_text:
                return any_of([dict(NULL if each is NoneType else _TIME) for each in _options(self._type(argument))])
            case ast.Call(func=ast.Name(name), args=[argument]) if name == "str" or self._module.get(name) is plain:
                return any_of([self._word(each) for each in _options(self._type(argument))])
            case ast.Call(func=ast.Name(name)) if _is_written_out(self._module.get(name)):
                function = self._module[name]
                return _Reading(self._schemas, *_function(function), get_type_hints(function)).result()
            case ast.Attribute(value=member, attr="value"):
                return any_of([self._of_type(each) for each in _records(self._type(member))])
        return self._of_type(self._type(value))

    schema_of = _schema

    def _object(self, value: ast.Dict) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        named = {key.value for key in value.keys if isinstance(key, ast.Constant)}
        for key, inner in zip(value.keys, value.values, strict=True):
            if key is None:
                part = self._spread(inner, named)
                properties |= part["properties"]
                required += part["required"]
                continue
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise _unread(key)
            properties[key.value] = self._schema(inner)
            required.append(key.value)
        return _object(properties, required)

    def _spread(self, value: ast.expr, but: Collection[object]) -> Schema:
        """Return the schema of an object whose entries are taken over into another, but for those of some names."""
        match value:
            case ast.DictComp(generators=[ast.comprehension(iter=ast.Name(listed))]) if listed in self._module:
                owner = self._types["self"]
                named = {name: self._of_type(_attribute(owner, name)) for name in self._module[listed]}
                return _object(named, list(named))
            case ast.Call(func=ast.Attribute(value=record, attr="_asdict")):
                fields = {name: type_ for name, type_ in get_type_hints(self._type(record)).items() if name not in but}
                return _object({name: self._of_type(type_) for name, type_ in fields.items()}, list(fields))
            case ast.Call(func=ast.Attribute(value=record, attr="to_dict")):
                found = []
                for each in _records(self._type(record)):
                    name = self._schemas.reference(each)["$ref"].rpartition("/")[2]
                    found.append(self._schemas.components()[name])
                return self._schemas.merged(found)
        return self._schema(value)

    def _word(self, of: Any) -> Schema:
        """Return the schema of a value of a type as text."""
        return self._of_type(of if of is NoneType or _is_enum(of) else str)

    def _of_type(self, of: Any) -> Schema:
        options = _options(of)
        if len(options) > 1:
            return any_of([self._of_type(each) for each in options])
        if of in _PRIMITIVES:
            return dict(_PRIMITIVES[of])
        if _is_enum(of):
            return self._schemas.reference(of)
        if inspect.isclass(get_origin(of)) and issubclass(get_origin(of), Mapping):
            return {"type": "object", "additionalProperties": self._of_type(get_args(of)[1])}
        if (item := _item(of)) is not None:
            return {"type": "array", "items": self._of_type(item)}
        raise TypeError(f"{of} has no schema")

    # ---- Types of expressions --------------------------------------------------------------------

    def _within(self, value: ast.ListComp | ast.DictComp) -> "_Reading":
        """Return the reading of what a comprehension makes."""
        types = dict(self._types)
        for each in value.generators:
            match each.iter:
                case ast.Call(func=ast.Attribute(value=mapping, attr="items")):
                    items: Any = get_args(self._type(mapping))
                case _:
                    items = (_item(self._type(each.iter)),)
            names = each.target.elts if isinstance(each.target, ast.Tuple) else [each.target]
            types |= {name.id: type_ for name, type_ in zip(names, items, strict=True) if isinstance(name, ast.Name)}
        return _Reading(self._schemas, self._tree, self._module, types)

    def _type(self, value: ast.expr) -> Any:
        match value:
            case ast.Constant(constant):
                return type(constant)
            case ast.Name(name) if name in self._types:
                return self._types[name]
            case ast.IfExp(body=first, orelse=second):
                return self._type(first) | self._type(second)
            case ast.BoolOp(op=ast.Or(), values=values):
                *earlier, last = [self._type(each) for each in values]
                options = [option for each in earlier for option in _records(each)]
                return reduce(lambda a, b: a | b, [*options, last])
            case ast.BoolOp(op=ast.And(), values=values):
                *earlier, last = [self._type(each) for each in values]
                return last | None if any(NoneType in _options(each) for each in earlier) else last
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return bool
            case ast.BinOp(op=ast.Sub()):
                return timedelta  # of two times
            case ast.Attribute(value=owner, attr=name):
                return _attribute(_one(self._type(owner), value), name)
            case ast.Call(func=ast.Attribute(attr=name)) if name in _BUILT_IN:
                return _BUILT_IN[name]
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return _attribute(_one(self._type(owner), value), name)
            case ast.Call(func=ast.Name("sorted" | "list"), args=[argument]):
                return list[_item(self._type(argument))]  # type: ignore[misc]
            case ast.Call(func=ast.Name("len" | "sum")):
                return int
            case ast.Call(func=ast.Name(name)) if name in self._module:
                return get_type_hints(self._module[name])["return"]
        raise _unread(value)


def _attribute(owner: Any, name: str) -> Any:
    """Return the type of a field or of an argument of a class, or what a property or a method returns."""
    found = inspect.getattr_static(owner, name, None)
    function = found.fget if isinstance(found, property) else found
    if callable(function):
        return get_type_hints(function)["return"]
    return {**get_type_hints(owner.__init__), **get_type_hints(owner)}[name]


# ---- Types ---------------------------------------------------------------------------------------------------


def _options(of: Any) -> tuple[Any, ...]:
    """Return the types that a union is made of, None last; of any other type itself."""
    if get_origin(of) in (Union, UnionType):
        return tuple(sorted(get_args(of), key=lambda each: each is NoneType))
    return (of,)


def _records(of: Any) -> list[Any]:
    """Return the types that something may be of where one of its methods is called: it is not None then."""
    return [each for each in _options(of) if each is not NoneType]


def _one(of: Any, value: ast.expr) -> Any:
    options = _records(of)
    if len(options) != 1:
        raise _unread(value)
    return options[0]


def _is_enum(of: Any) -> bool:
    return inspect.isclass(of) and issubclass(of, Enum)


def _item(of: Any) -> Any:
    """Return the type of what a collection is made of; None if it is none."""
    origin = get_origin(of)
    return get_args(of)[0] if inspect.isclass(origin) and issubclass(origin, Iterable) else None


def _is_written_out(function: object) -> bool:
    """Return whether a function writes out an object, too."""
    return inspect.isfunction(function) and get_type_hints(function).get("return") == JsonObject


def _unread(value: ast.expr) -> TypeError:
    return TypeError(f"the type of {ast.unparse(value)} cannot be read; write it plainer, or teach it to schemas.py")


# ---- RecordSchemas -------------------------------------------------------------------------------------------------


def any_of(schemas: Collection[Schema]) -> Schema:
    """Return the schema of what fits one of several; types without anything further are joined into one."""
    flat = [part for each in schemas for part in (each["anyOf"] if each.keys() == {"anyOf"} else [each])]
    different = [each for number, each in enumerate(flat) if each not in flat[:number]]
    if len(different) == 1:
        return different[0]
    nulls = [each for each in different if each == NULL]
    others = [each for each in different if each != NULL]
    if nulls and len(others) == 1 and isinstance(others[0].get("type"), str):
        return {**others[0], "type": [others[0]["type"], "null"]}
    if all("const" in each for each in different):
        return {"type": "string", "enum": sorted(each["const"] for each in different)}
    if all(each.keys() == {"type"} and isinstance(each["type"], str) for each in different):
        return {"type": [each["type"] for each in different]}
    return {"anyOf": [*others, *nulls]}


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


# ---- Sources -------------------------------------------------------------------------------------------------


def _function(function: Callable[..., Any]) -> tuple[ast.FunctionDef, Names]:
    """Return the tree of a function and the names of its module."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    return tree, vars(sys.modules[function.__module__])


def _summary(of: type) -> str:
    return (inspect.getdoc(of) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def _field_docs(of: type) -> dict[str, str]:
    """Return what is written under the fields of a record, and in its properties, by their names."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(of))).body
    assert isinstance(tree, ast.ClassDef)
    return dict(_documented(tree))


def _documented(tree: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        text: str | None = None
        name = ""
        match node, following:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=documented)):
                text = str(documented)
            case ast.FunctionDef(name=name), _:
                text = ast.get_docstring(node)
        if text:
            yield name, " ".join(text.split()).replace("``", "`")
