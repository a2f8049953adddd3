"""A tree as ADQL again: what is printed parses to the same tree."""

from __future__ import annotations

from adql import ast

_LEVELS = {
    ast.Or: 1,
    ast.And: 2,
    ast.Not: 3,
    ast.Comparison: 4,
    ast.Between: 4,
    ast.InList: 4,
    ast.InQuery: 4,
    ast.Like: 4,
    ast.IsNull: 4,
    ast.Exists: 4,
    ast.Sign: 8,
}
"""How tightly a node binds; what is not here is primary."""

_ARITHMETIC = {"||": 5, "+": 6, "-": 6, "*": 7, "/": 7}
_PRIMARY = 9


def to_adql(node: ast.Node) -> str:
    """The text of a query or an expression, in one line."""
    if isinstance(node, ast.Query):
        return _query(node)
    if isinstance(node, ast.Select):
        return _select(node)
    if isinstance(node, ast.SetOperation):
        return _set_operation(node)
    if isinstance(node, ast.Source):
        return _source(node)
    if isinstance(node, ast.Identifier):
        return str(node)
    assert isinstance(node, ast.Expression), node
    return _expression(node)


def _level(node: ast.Expression) -> int:
    if isinstance(node, ast.Arithmetic):
        return _ARITHMETIC[node.operator]
    return _LEVELS.get(type(node), _PRIMARY)


def _within(node: ast.Expression, level: int) -> str:
    text = _expression(node)
    return text if _level(node) >= level else f"({text})"


def _list(nodes: tuple[ast.Expression, ...]) -> str:
    return ", ".join(_expression(node) for node in nodes)


def _expression(node: ast.Expression) -> str:
    match node:
        case ast.Number(text=text):
            return text
        case ast.String(value=value):
            return "'" + value.replace("'", "''") + "'"
        case ast.Null():
            return "NULL"
        case ast.ColumnReference():
            return str(node)
        case ast.Star(qualifier=qualifier):
            return ".".join([*map(str, qualifier), "*"])
        case ast.Function(name=name, arguments=arguments, quantifier=quantifier):
            return f"{name}({quantifier + ' ' if quantifier else ''}{_list(arguments)})"
        case ast.Sign(operator=operator, operand=operand):
            return f"{operator}{_within(operand, _PRIMARY)}"
        case ast.Arithmetic(operator="||", left=left, right=right):
            is_chain = isinstance(left, ast.Arithmetic) and left.operator == "||"
            return f"{_within(left, 5 if is_chain else _PRIMARY)} || {_within(right, _PRIMARY)}"
        case ast.Arithmetic(operator=operator, left=left, right=right):
            level = _level(node)
            return f"{_within(left, level)} {operator} {_within(right, level + 1)}"
        case ast.Cast(operand=operand, target=target, length=length):
            size = f"({length})" if length is not None else ""
            return f"CAST({_expression(operand)} AS {target}{size})"
        case ast.Case():
            return _case(node)
        case ast.Subquery(query=query):
            return f"({_query(query)})"
        case _:
            return _condition(node)


def _case(node: ast.Case) -> str:
    words = ["CASE"]
    if node.operand is not None:
        words.append(_expression(node.operand))
    for branch in node.branches:
        words += ["WHEN", _expression(branch.condition), "THEN", _expression(branch.result)]
    if node.default is not None:
        words += ["ELSE", _expression(node.default)]
    return " ".join([*words, "END"])


def _condition(node: ast.Expression) -> str:
    match node:
        case ast.Or(operands=operands):
            return " OR ".join(_within(operand, 2) for operand in operands)
        case ast.And(operands=operands):
            return " AND ".join(_within(operand, 3) for operand in operands)
        case ast.Not(operand=operand):
            return f"NOT {_within(operand, 4)}"
        case ast.Comparison(operator=operator, left=left, right=right):
            return f"{_within(left, 5)} {operator} {_within(right, 5)}"
        case ast.Between(operand=operand, low=low, high=high, negated=negated):
            return f"{_within(operand, 5)}{_not(negated)} BETWEEN {_within(low, 5)} AND {_within(high, 5)}"
        case ast.InList(operand=operand, items=items, negated=negated):
            return f"{_within(operand, 5)}{_not(negated)} IN ({_list(items)})"
        case ast.InQuery(operand=operand, query=query, negated=negated):
            return f"{_within(operand, 5)}{_not(negated)} IN ({_query(query)})"
        case ast.Like(operand=operand, pattern=pattern, negated=negated, ignore_case=fold, escape=escape):
            word = "ILIKE" if fold else "LIKE"
            end = f" ESCAPE {_within(escape, 5)}" if escape is not None else ""
            return f"{_within(operand, 5)}{_not(negated)} {word} {_within(pattern, 5)}{end}"
        case ast.IsNull(operand=operand, negated=negated):
            return f"{_within(operand, 5)} IS{_not(negated)} NULL"
        case ast.Exists(query=query):
            return f"EXISTS ({_query(query)})"
    raise AssertionError(node)


def _not(negated: bool) -> str:
    return " NOT" if negated else ""


def _query(node: ast.Query) -> str:
    words = []
    if node.common:
        words.append("WITH " + ", ".join(f"{table.name} AS ({_query(table.query)})" for table in node.common))
    words.append(_body(node.body))
    if node.order_by:
        terms = (
            _expression(term.expression) + (" DESC" if term.descending else "") for term in node.order_by
        )
        words.append("ORDER BY " + ", ".join(terms))
    if node.offset is not None:
        words.append(f"OFFSET {node.offset}")
    return " ".join(words)


def _body(node: ast.QueryBody) -> str:
    if isinstance(node, ast.Select):
        return _select(node)
    if isinstance(node, ast.SetOperation):
        return _set_operation(node)
    assert isinstance(node, ast.Query)
    return f"({_query(node)})"


def _set_operation(node: ast.SetOperation) -> str:
    word = f"{node.operator} ALL" if node.all else node.operator
    return f"{_body(node.left)} {word} {_body(node.right)}"


def _select(node: ast.Select) -> str:
    words = ["SELECT"]
    words += ["DISTINCT"] if node.distinct else []
    words += [f"TOP {node.top}"] if node.top is not None else []
    words.append(", ".join(_item(item) for item in node.items))
    words += ["FROM", _source(node.source)]
    words += ["WHERE", _expression(node.where)] if node.where is not None else []
    words += ["GROUP BY", _list(node.group_by)] if node.group_by else []
    words += ["HAVING", _expression(node.having)] if node.having is not None else []
    return " ".join(words)


def _item(item: ast.SelectItem) -> str:
    alias = f" AS {item.alias}" if item.alias is not None else ""
    return _expression(item.expression) + alias


def _source(node: ast.Source) -> str:
    match node:
        case ast.TableReference(path=path, alias=alias):
            return ".".join(map(str, path)) + (f" AS {alias}" if alias is not None else "")
        case ast.DerivedTable(query=query, alias=alias):
            return f"({_query(query)}) AS {alias}"
        case ast.Join(kind="CROSS", left=left, right=right):
            return f"{_source(left)}, {_source(right)}"
        case ast.Join():
            return _join(node)
    raise AssertionError(node)


def _join(node: ast.Join) -> str:
    kind = node.kind if node.kind == "INNER" else f"{node.kind} OUTER"
    right = f"({_source(node.right)})" if isinstance(node.right, ast.Join) else _source(node.right)
    if node.natural:
        return f"{_source(node.left)} NATURAL {kind} JOIN {right}"
    if node.using:
        return f"{_source(node.left)} {kind} JOIN {right} USING ({', '.join(map(str, node.using))})"
    assert node.condition is not None
    return f"{_source(node.left)} {kind} JOIN {right} ON {_expression(node.condition)}"
