"""`textomorph apply`: scans again from what a batch kept of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from TextoMorphLib.commands import common
from TextoMorphLib.errors import InputError
from TextoMorphLib.io import outputs


def apply(
    delta: Annotated[Path, typer.Argument(metavar="DELTA.delta.npz", help="What `batch --store delta` wrote.")],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The scan with the tumour.")],
    ct: Annotated[
        Path | None, typer.Option("--ct", metavar="CT", help="The scan, if it is not where it was from the delta.")
    ] = None,
    overwrite: common.Overwrite = False,
) -> None:
    """Put what `batch --store delta` kept into its scan: the bytes that --store scan would have written.

    Scan and result are held against the delta's SHA-256; another scan, or one that was changed, is refused. The report
    goes beside the scan; beside the delta, the delta's own stays.
    """
    import json

    from TextoMorphLib.io import delta as deltas
    from TextoMorphLib.io.volume import Volume

    kept = deltas.read(delta)
    source = ct or delta.parent / str(kept.about["source"])
    if ct is None and not source.exists():
        raise InputError(f"the scan is not where it was ({source}); name it with --ct")
    beside = delta.with_name(delta.name[: -len(outputs.DELTA_SUFFIX)] + ".json")
    in_place = outputs.report_path(output).resolve() == beside.resolve()  # whose report is there already
    check = outputs.check_file if in_place else outputs.check_image
    check(output, inputs=(source, delta), overwrite=overwrite)
    made = deltas.apply(kept, Volume.read(source))
    if in_place:
        made.write(output, str(kept.about["note"]))
        typer.echo(f"wrote {output}")
        return
    try:
        report = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {"synthetic": True, "note": kept.about["note"], "warnings": [f"{beside.name} was not there"]}
        common.warn(f"{beside} cannot be read; the report says only that the scan is synthetic")
    outputs.write_image(made, report, output, str(kept.about["note"]), overwrite=overwrite)
    typer.echo(f"wrote {output}")
    typer.echo(f"wrote {outputs.report_path(output)}")
