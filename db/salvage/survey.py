"""Page after page: what it is, whose it is, and what of it can be believed."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator

from db.salvage.chains import freelist
from db.salvage.format import FormatError, Head, Kind, interior_cells, page_head
from db.salvage.leaves import Leaves, Origin
from db.salvage.ledger import Ledger
from db.salvage.pages import Pages
from db.salvage.shapes import Row
from db.salvage.trees import Extent, Gap, Interior, Trees

_ENTRIES_ASKED = 24


class Survey:
    """`damaged`: pages that are nothing we know. `roots`: of tables, by what the file's own schema says;
    `index_roots`: page to the table and name of an index. `indexes`: page of an index to those it may be of,
    and its children. `free_known`: the store still says which of its pages are free. `gaps`: where rows were
    that are lost."""

    def __init__(self, pages: Pages, leaves: Leaves, ledger: Ledger) -> None:
        self._pages = pages
        self._leaves = leaves
        self._ledger = ledger
        self._free, self.free_known = freelist(pages)
        self._shapes = {shape.name: place for place, shape in enumerate(leaves.schema.shapes)}
        self._extents: dict[int, Extent] = {}
        self._interiors: dict[int, Interior] = {}
        self._empty: set[int] = set()
        self._empty_indexes: set[int] = set()
        self._unknown = array("L")
        self._schema_rows: list[Row] = []
        self.flawed: set[int] = set()
        self.damaged: set[int] = set()
        self.indexes: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self.roots: dict[int, int] = {}
        self.index_roots: dict[int, tuple[str, str]] = {}
        self.trees = Trees({}, {}, {})
        self.gaps: tuple[Gap, ...] = ()

    def run(self) -> None:
        wanted = self._walk()
        for number in self._free & wanted:
            self._look(number)  # the list of free pages is wrong about it
        self._rest()
        self._read_schema()
        self.trees = Trees(self._extents, self._interiors, self.roots, frozenset(self._empty))
        self.gaps = (*self.trees.gaps, *self._tables_gone())
        self._ledger.sort()
        self._ledger.page_origin(self.trees.astray, Origin.ASTRAY)
        self._ledger.page_origin(self._pages.overlay.suspect, Origin.SUSPECT)
        self._ledger.cell_origin(self._leaves.clashes, Origin.ASTRAY)

    def _walk(self) -> set[int]:
        """Look at all that is not free; what the interior pages refer to."""
        for number in range(1, self._pages.count + 1):
            if number not in self._free:
                self._look(number)
        return {child for interior in self._interiors.values() for child in interior.children}

    def _look(self, number: int) -> None:
        data = self._pages.read(number)
        if data is None:
            return
        try:
            head = page_head(data, 100 if number == 1 else 0, self._pages.usable)
            self._take(number, data, head)
        except FormatError:
            self._unknown.append(number)

    def _take(self, number: int, data: bytes, head: Head) -> None:
        if head.kind is Kind.TABLE_LEAF:
            if head.cells or head.bad:
                self._take_leaf(number, data, head)
            else:
                self._empty.add(number)
        elif head.kind is Kind.TABLE_INTERIOR:
            cells = interior_cells(data, head)
            children = (*(child for child, _ in cells), head.right)
            keys = tuple(key for _, key in cells)
            ordered = all(one < other for one, other in itertools.pairwise(keys))
            inside = all(1 < child <= 0xFFFFFFFF and child != number for child in children)
            if head.bad or not keys or not ordered or not inside or len(set(children)) < len(children):
                raise FormatError("no interior page of a table")
            self._interiors[number] = Interior(children, keys)
        else:
            self._take_index(number, data, head)

    def _take_leaf(self, number: int, data: bytes, head: Head) -> None:
        leaf = self._leaves.table(number, data, head)
        if leaf.owner is None:
            raise FormatError("no row of ours")
        if leaf.wrong:
            self.flawed.add(number)
        shape = self._leaves.schema.shapes[leaf.owner]
        keys = [each.rowid for each in leaf.found if each.origin < Origin.SCANNED]
        if keys:
            self._extents[number] = Extent(leaf.owner, min(keys), max(keys))
        if shape.ours:
            self._ledger.add_rows(leaf.owner, number, leaf.found)
        elif shape.name == "sqlite_schema":
            self._schema_rows += [each.row for each in leaf.found]

    def _take_index(self, number: int, data: bytes, head: Head) -> None:
        if not (head.cells or head.bad):
            self._empty.add(number)
            self._empty_indexes.add(number)
            return
        entries, fitting, children = self._leaves.entries(data, head)
        if not fitting or len(entries) * 2 < len(head.cells) + head.bad:
            raise FormatError("no page of an index")
        if len(entries) < len(head.cells) + head.bad:
            self.flawed.add(number)
        every = self._leaves.schema.indexes
        places = tuple(place for place, index in enumerate(every) if index in fitting)
        self.indexes[number] = places, tuple(children) if head.kind is Kind.INDEX_INTERIOR else ()
        self._ledger.add_entries(number, entries)

    def _rest(self) -> None:
        """Of the pages that are nothing: those that no long record holds, and no free list, are damaged."""
        for number in self._unknown:
            data = self._pages.read(number) or b""
            if number in self._leaves.chained or number in self._free:
                continue
            if not any(data) and not self.free_known:
                continue  # it may be a free page that has been wiped
            self.damaged.add(number)
            owner, found = self._leaves.scan_all(data)
            if owner is not None:
                self._ledger.add_rows(owner, number, found)

    def _read_schema(self) -> None:
        for kind, name, table, root, _ in self._schema_rows:
            page, of = int(root or 0), str(table)
            if kind == "table" and of in self._shapes:
                self.roots[page] = self._shapes[of]
            elif kind == "index":
                self.index_roots[page] = of, "" if str(name).startswith("sqlite_autoindex_") else str(name)

    def _tables_gone(self) -> Iterator[Gap]:
        """Tables of one page, when it is lost: no other page refers to it. Where the schema is lost too, they
        are among those without rows, if these are more than there are pages without any."""
        seen = {extent.owner for extent in self._extents.values()}
        ours = {place for place, shape in enumerate(self._leaves.schema.shapes) if shape.ours}
        for page, owner in self.roots.items():
            if owner in ours - seen and page not in self._empty and page not in self._interiors:
                yield Gap(owner, page, None, None)
        bare = ours - seen
        if not self.roots and self.damaged and len(bare) > len(self._empty - self._empty_indexes):
            yield from (Gap(owner, 0, None, None) for owner in sorted(bare))

    def index_owners(self) -> Iterator[tuple[int, int]]:
        """Page and index, for pages of which that can be said: by the tree from a root, or by the rows."""
        hints = {page: hint for hint, tree in self._index_trees() for page in tree}
        every = self._leaves.schema.indexes
        for number, (places, _) in self.indexes.items():
            hint = hints.get(number)
            fitting = [at for at in places if hint is None or (every[at].table, every[at].name) == hint]
            said = {place: self._ledger.agreement(number, place) for place in fitting}
            best = max(said, key=lambda place: said[place][1], default=None)
            if best is None:
                continue
            known, right = said[best]
            alone = sum(each[1] == right for each in said.values()) == 1
            if alone and right * 2 >= known:
                yield number, best

    def complete_indexes(self, owners: dict[int, int]) -> Iterator[int]:
        """Indexes none of whose pages is missing, or holds what is no entry."""
        for _, tree in self._index_trees():
            found = {owners.get(page) for page in tree}
            sound = not (tree & self.flawed) and not (tree & self._pages.overlay.suspect)
            if len(found) == 1 and None not in found and sound and self._whole(tree):
                yield from (each for each in found if each is not None)

    def _whole(self, tree: set[int]) -> bool:
        return all(child in self.indexes for page in tree for child in self.indexes.get(page, ((), ()))[1])

    def _index_trees(self) -> Iterator[tuple[tuple[str, str], set[int]]]:
        for root, hint in self.index_roots.items():
            tree: set[int] = set()
            waiting = [root]
            while waiting:
                page = waiting.pop()
                if page in tree or page not in self.indexes:
                    continue
                tree.add(page)
                waiting += self.indexes[page][1]
            yield hint, tree
