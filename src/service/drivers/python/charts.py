# The numbers behind a matplotlib figure, in the shapes that E2B's clients know: line, scatter, bar, pie, box_and_whisker,
# superchart, unknown. `kernel` is the Kernel that runs this. shows.py makes the values such as JSON can say.
import re
import weakref

POINTS_LIMIT = 100000  # of one figure: beyond, a picture says more
UNIT = re.compile(r"\s\((.*?)\)|\[(.*?)\]")

boxes = weakref.WeakKeyDictionary()  # by axes: {position: numbers}


class TooMany(Exception):
    pass


def note_boxes(axes, stats, args, options):
    """What axes.bxp() is about to draw."""
    positions = args[0] if args else options.get("positions")
    upright = options.get("vert", args[2] if len(args) > 2 else True)
    if options.get("orientation"):
        upright = options["orientation"] == "vertical"
    noted = boxes.setdefault(axes, {"is_upright": True, "at": {}})
    noted["is_upright"] = upright is not False
    for number, one in enumerate(stats):
        noted["at"][float(positions[number]) if positions is not None else number + 1.0] = one


def unit_of(label):
    found = UNIT.search(label or "")
    return (found.group(1) or found.group(2)) if found else None


def frame_of(axes, kind):
    return {"type": kind, "title": axes.get_title() or None, "elements": []}


def with_labels(chart, axes, is_turned=False):
    """Adds the labels of both axes; of a turned chart, those of what it would be upright."""
    labels = [axes.get_xlabel() or None, axes.get_ylabel() or None]
    x, y = reversed(labels) if is_turned else labels
    chart.update(x_label=x, y_label=y, x_unit=unit_of(x), y_unit=unit_of(y))
    return chart


def plain(value):
    """One coordinate: a number, or text."""
    if type(value).__name__ == "datetime64":
        return str(value.astype("datetime64[s]"))
    return value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value


def axis_of(axis, scale):
    """Ticks, their labels, and the kind of scale."""
    convert = axis.get_converter() if hasattr(axis, "get_converter") else axis.converter
    labels = [label.get_text() for label in axis.get_ticklabels()]
    ticks = [float(tick) for tick in axis.get_ticklocs()]
    if "Date" in type(convert).__name__:
        from matplotlib.dates import num2date
        return [num2date(tick).isoformat() for tick in ticks], labels, "datetime"
    if type(convert).__name__ == "StrCategoryConverter":
        scale = "categorical"
    elif scale == "linear" and ticks and all(tick == at and str(at) != label and label
                                             for at, (tick, label) in enumerate(zip(ticks, labels))):
        scale = "categorical"  # labels put at 0, 1, 2, …
    return ticks, labels, scale


def with_axes(chart, axes):
    for name, axis, scale in (("x", axes.xaxis, axes.get_xscale()), ("y", axes.yaxis, axes.get_yscale())):
        ticks, labels, scale = axis_of(axis, scale)
        chart.update({name + "_ticks": ticks, name + "_tick_labels": labels, name + "_scale": scale})
    return with_labels(chart, axes)


def is_rule(line):
    """A line across the axes, such as axhline() draws."""
    x, y = line.get_xdata(), line.get_ydata()
    return len(x) == 2 and len(y) == 2 and (x[0] == x[1] or y[0] == y[1])


def line_chart(axes, budget):
    chart = with_axes(frame_of(axes, "line"), axes)
    for line in axes.get_lines():
        if is_rule(line):
            continue
        label = str(line.get_label())
        if label.startswith("_child"):
            label = "Line " + label[6:]
        x, y = line.get_xdata(), line.get_ydata()
        spend(budget, len(x))
        chart["elements"].append({"label": label, "points": [[plain(a), plain(b)] for a, b in zip(x, y)]})
    return chart


def scatter_chart(axes, budget):
    chart = with_axes(frame_of(axes, "scatter"), axes)
    for number, dots in enumerate(axes.collections):
        label = str(dots.get_label())
        if label.startswith("_child"):
            label = "Points %d" % number
        offsets = dots.get_offsets()
        spend(budget, len(offsets))
        chart["elements"].append({"label": label, "points": [[float(a), float(b)] for a, b in offsets]})
    return chart


def bar_chart(axes, budget):
    from matplotlib.container import BarContainer
    groups = [group for group in axes.containers if isinstance(group, BarContainer)]
    is_turned = any(group.orientation == "horizontal" for group in groups)
    chart = with_labels(frame_of(axes, "bar"), axes, is_turned)
    axis = axes.yaxis if is_turned else axes.xaxis
    names = {round(float(at), 6): label.get_text() for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels())}
    for group in groups:
        label = str(group.get_label())
        if label.startswith("_container"):
            label = "Group " + label[10:]
        spend(budget, len(group))
        for bar in group:
            start, width, value = (bar.get_y(), bar.get_height(), bar.get_width()) if is_turned else (bar.get_x(), bar.get_width(), bar.get_height())
            name = name_at(names, start, width, len(groups) > 1)
            chart["elements"].append({"label": name, "group": label, "value": float(value)})
    return chart


def name_at(names, start, width, is_shared):
    """What the axis says below a bar: in its middle, at its edge, or, where groups stand side by side, at the nearest tick."""
    middle = start + width / 2
    for place in (middle, start):
        name = names.get(round(float(place), 6))
        if name:
            return "%.10g" % place if is_number(name) else name  # 2000, where the axis says 2000.00
    if is_shared and names:
        nearest = min(names, key=lambda at: abs(at - middle))
        if names[nearest] and abs(nearest - middle) <= 0.5:
            return names[nearest]
    return "%.10g" % middle


def is_number(text):
    try:
        float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return False
    return True


def pie_chart(axes, budget):
    chart = frame_of(axes, "pie")
    spend(budget, len(axes.patches))
    chart["elements"] = [{"label": str(wedge.get_label()), "angle": round(abs(float(wedge.theta2) - float(wedge.theta1)), 4),
                          "radius": float(wedge.r)} for wedge in axes.patches]
    return chart


def box_chart(axes, budget):
    noted = boxes[axes]
    chart = with_labels(frame_of(axes, "box_and_whisker"), axes, not noted["is_upright"])
    axis = axes.xaxis if noted["is_upright"] else axes.yaxis
    names = {round(float(at), 6): label.get_text() for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels())}
    for at, one in noted["at"].items():
        outliers = [float(value) for value in one.get("fliers", ())]
        spend(budget, len(outliers) + 1)
        chart["elements"].append({
            "label": str(one.get("label") or names.get(round(at, 6)) or "%.10g" % at),
            "min": float(one["whislo"]), "first_quartile": float(one["q1"]), "median": float(one["med"]),
            "third_quartile": float(one["q3"]), "max": float(one["whishi"]), "outliers": outliers})
    return chart


def spend(budget, points):
    budget[0] -= points
    if budget[0] < 0:
        raise TooMany


def chart_of_axes(axes, budget):
    from matplotlib.collections import PathCollection
    from matplotlib.patches import Rectangle, Wedge
    if axes in boxes:
        return box_chart(axes, budget)
    lines, patches, dots = list(axes.lines), list(axes.patches), list(axes.collections)
    others = list(axes.images) + list(axes.artists) + list(axes.tables)
    if others:
        return frame_of(axes, "unknown")
    if not patches and not dots:
        return line_chart(axes, budget)
    if all(is_rule(line) for line in lines):
        if not patches and all(isinstance(one, PathCollection) for one in dots):
            return scatter_chart(axes, budget)
        if not dots and all(isinstance(one, Wedge) for one in patches):
            return pie_chart(axes, budget)
        if not dots and axes.containers and all(isinstance(one, Rectangle) for one in patches):
            return bar_chart(axes, budget)
    return frame_of(axes, "unknown")


def chart_of(figure):
    """The chart of a figure that has been drawn; None if it is blank, or of more points than are told."""
    axes = figure.get_axes()
    if not any(one.has_data() or one.artists or one.patches for one in axes):
        return None
    budget = [POINTS_LIMIT]
    try:
        if len(axes) == 1:
            return chart_of_axes(axes[0], budget)
        title = getattr(figure, "_suptitle", None)
        return {"type": "superchart", "title": (title.get_text() or None) if title else None,
                "elements": [chart_of_axes(one, budget) for one in axes]}
    except TooMany:
        return None
    except Exception:  # a kind of figure that none of these knows: the picture is there
        return {"type": "unknown", "title": None, "elements": []}
