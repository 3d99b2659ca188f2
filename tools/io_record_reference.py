"""Event files and reference numbers for the tests of hepml-io's readers of LHE and HepMC.

    pip install pythia8mc==8.317.2 pyhepmc==2.16.1 pylhe==2.1.0 zstandard==0.25.0
    python tools/io_record_reference.py [FOLDER WITH THE LARGER FILES]

Writes hepml-io/tests/data/ (a few events each, made with Pythia 8) and hepml-io/tests/reference/records.json (what pylhe and
pyhepmc, which share no code with hepml-io, read from these files and, if the folder is given, from the larger ones there).
"""

import gzip
import io
import json
import math
import pathlib
import sys
import tempfile

import pyhepmc
import pylhe
import pythia8mc
import zstandard

CRATE = pathlib.Path(__file__).resolve().parent.parent / "hepml-io"
DATA = CRATE / "tests" / "data"
REFERENCE = CRATE / "tests" / "reference" / "records.json"

# Processes, seeds and numbers of events: small files that still hold weights, decays, colours and displaced vertices.
LHE_EVENTS = 4
HEPMC_EVENTS = 2


def write_gzip(path, content):
    with open(path, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as out:
        out.write(content)


def make_lhe(path):
    """pp -> ttbar at 13 TeV with resonance decays: Pythia's hard process, written by pylhe, with made-up variation weights."""
    pythia = pythia8mc.Pythia("", False)
    for setting in [
        "Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "PartonLevel:all = off", "Random:setSeed = on", "Random:seed = 11",
        "Beams:eCM = 13000", "Print:quiet = on",
    ]:
        pythia.readString(setting)
    pythia.init()
    groups = [
        pylhe.LHEInitRWGTWeightGroup(
            name="scale variation", combine="envelope",
            weights=[pylhe.LHEInitRWGTWeight("1001", "muR=0.5 & muF=0.5", {"MUR": "0.5", "MUF": "0.5"}),
                     pylhe.LHEInitRWGTWeight("1002", "muR=2 muF=2", {"MUR": "2.0", "MUF": "2.0"})]),
        pylhe.LHEInitRWGTWeightGroup(name="PDF", weights=[pylhe.LHEInitRWGTWeight("pdf_1", "member 1")]),
    ]
    events = []
    while len(events) < LHE_EVENTS:
        if not pythia.next():
            continue
        record = pythia.process
        particles = []
        for i in range(3, record.size()):
            entry = record[i]
            status = -1 if entry.status() == -21 else (1 if entry.status() > 0 else 2)
            mothers = [max(entry.mother1() - 2, 0), max(entry.mother2() - 2, 0)]
            particles.append(pylhe.LHEParticle(
                entry.id(), status, *mothers, entry.col(), entry.acol(), entry.px(), entry.py(), entry.pz(), entry.e(),
                entry.m(), entry.tau(), 9.0))
        number = len(events)
        info = pylhe.LHEEventInfo(len(particles), 600 + number % 2, 500.0 + number, record.scale(), 0.0078125, 0.118)
        weights = {"1001": 510.5 + number, "1002": -490.25, "pdf_1": 500.0}
        events.append(pylhe.LHEEvent(info, particles, weights, scales={"muf": 91.0}, optional=["#pdf 1 2 0.5 0.25 91."]))
    init = pylhe.LHEInit(
        pylhe.LHEInitInfo(2212, 2212, 6500.0, 6500.0, 0, 0, 247000, 247000, -4, 2),
        [pylhe.LHEProcInfo(400.0, 2.0, 1.0, 600), pylhe.LHEProcInfo(101.5, 1.0, 1.0, 601)],
        [pylhe.LHEGenerator("Pythia", "8.317", "hard process only")])
    header = pylhe.LHEHeader(pylhe.LHEInitRWGT(groups))
    pylhe.LHEFile(init, events, header=header, version="3.0").tofile(str(path))


def pythia_events():
    """e+e- -> Z -> hadrons at 91.2 GeV as (momentum, id, status, mother pair, mass, position, colours) of each entry."""
    pythia = pythia8mc.Pythia("", False)
    for setting in [
        "WeakSingleBoson:ffbar2gmZ = on", "23:onMode = off", "23:onIfAny = 5", "Beams:idA = 11", "Beams:idB = -11",
        "Beams:eCM = 91.2", "PDF:lepton = off", "Random:setSeed = on", "Random:seed = 12", "Print:quiet = on",
    ]:
        pythia.readString(setting)
    pythia.init()
    events = []
    while len(events) < HEPMC_EVENTS:
        if pythia.next():
            event = pyhepmc.GenEvent()
            entries = [pythia.event[i] for i in range(1, pythia.event.size())]
            events.append((entries_to_hepmc(event, entries), pythia.infoPython().sigmaGen() * 1e9))
    return events


def entries_to_hepmc(event, entries):
    particles = []
    for entry in entries:
        momentum = pyhepmc.FourVector(entry.px(), entry.py(), entry.pz(), entry.e())
        status = 1 if entry.status() > 0 else (4 if entry.status() == -12 else 2)
        particle = pyhepmc.GenParticle(momentum, entry.id(), status)
        particle.generated_mass = entry.m()
        particles.append(particle)
    vertices = {}
    for index, entry in enumerate(entries):
        mothers = tuple(m - 1 for m in entry.motherList() if m > 0)
        if not mothers:
            continue
        if mothers not in vertices:
            # A particle ends in one vertex: the first that claims it.
            free = [m for m in mothers if particles[m].end_vertex is None]
            if not free:
                owner = particles[mothers[0]].end_vertex
                owner.add_particle_out(particles[index])
                continue
            position = pyhepmc.FourVector(entry.xProd(), entry.yProd(), entry.zProd(), entry.tProd())
            vertex = pyhepmc.GenVertex(position)
            for m in free:
                vertex.add_particle_in(particles[m])
            vertices[mothers] = vertex
            event.add_vertex(vertex)
        vertices[mothers].add_particle_out(particles[index])
    return event, entries


def make_hepmc(folder):
    run = pyhepmc.GenRunInfo()
    run.tools = [pyhepmc.GenRunInfo.ToolInfo("Pythia", "8.317", "e+e- -> Z -> b bbar\nwith a line break")]
    run.weight_names = ["Default", "muR=0.5_muF=1", "PDF:7"]
    events = []
    for number, ((event, entries), sigma) in enumerate(pythia_events()):
        event.run_info = run
        event.event_number = 100 + number
        event.weights = [1.5 + number, -0.25, 1.0 / 3.0]
        cross_section = pyhepmc.GenCrossSection()
        event.cross_section = cross_section
        cross_section.set_cross_section(sigma, sigma / 100, -1, -1)
        pdf = pyhepmc.GenPdfInfo()
        pdf.parton_id1, pdf.parton_id2, pdf.x1, pdf.x2, pdf.scale = 11, -11, 1.0, 1.0, 91.2
        event.pdf_info = pdf
        event.attributes["signal_process_id"] = 221
        event.attributes["event_scale"] = 91.1875
        event.attributes["alphaQED"] = 1.0 / 128.0
        event.attributes["alphaQCD"] = 0.118
        event.attributes["comment"] = "two\nlines \\ and a backslash"
        for particle in event.particles:
            entry = min(entries, key=lambda e: abs(e.e() - particle.momentum.e) + abs(e.px() - particle.momentum.px))
            if entry.col() or entry.acol():
                particle.attributes["flow1"] = entry.col()
                particle.attributes["flow2"] = entry.acol()
        events.append(event)
    for name, form in [("z_bb.hepmc3", "hepmc3"), ("z_bb.hepmc2", "hepmc2")]:
        with pyhepmc.open(str(folder / name), "w", format=form) as out:
            for event in events:
                out.write(event)
    # The same in other units.
    with pyhepmc.open(str(folder / "z_bb_mev_cm.hepmc3"), "w", format="hepmc3") as out:
        event = events[0]
        event.set_units(pyhepmc.Units.MEV, pyhepmc.Units.CM)
        out.write(event)


def total(values):
    return math.fsum(values)


def integer(attribute):
    """An attribute of a particle, which pyhepmc leaves unparsed when it reads a file."""
    return attribute if isinstance(attribute, int) else attribute.astype(int)


def lhe_numbers(path):
    lhe = pylhe.LHEFile.fromfile(str(path))
    events = list(lhe.events)
    init = lhe.init
    worst = 0.0
    momentum = [0.0] * 4
    mothers = 0
    for event in events:
        incoming = [p for p in event.particles if p.status == -1]
        outgoing = [p for p in event.particles if p.status == 1]
        for k, component in enumerate(["e", "px", "py", "pz"]):
            sums = total(getattr(p, component) for p in incoming) - total(getattr(p, component) for p in outgoing)
            worst = max(worst, abs(sums))
            momentum[k] += total(abs(getattr(p, component)) for p in outgoing)
        mothers += sum(int(p.mother1) + int(p.mother2) for p in event.particles)
    names = list(events[0].weights)
    return {
        "events": len(events),
        "particles": sum(len(e.particles) for e in events),
        "final": sum(1 for e in events for p in e.particles if p.status == 1),
        "sum_weights": total(e.eventinfo.weight for e in events),
        "weight_names": names,
        "sum_named": [total(e.weights[n] for e in events) for n in names],
        "cross_section": total(p.xSection for p in init.procInfo),
        "weighting": int(init.initInfo.weightingStrategy),
        "sum_abs_momentum": momentum,
        "worst_balance": worst,
        "mothers": mothers,
        "sum_pdg": sum(int(p.id) for e in events for p in e.particles),
        "sum_color": sum(int(p.color1) + 2 * int(p.color2) for e in events for p in e.particles),
    }


def hepmc_numbers(path):
    events = []
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content), read_across_frames=True).read()
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder) / "events"
        plain.write_bytes(content)
        with pyhepmc.open(str(plain)) as file:
            for event in file:
                event.set_units(pyhepmc.Units.GEV, pyhepmc.Units.MM)
                particles = event.particles
                final = [p for p in particles if p.status == 1]
                beams = [p for p in particles if p.status == 4]
                momentum = [total(abs(getattr(p.momentum, c)) for p in final) for c in ["e", "px", "py", "pz"]]
                balance = [
                    abs(total(getattr(p.momentum, c) for p in beams) - total(getattr(p.momentum, c) for p in final))
                    for c in ["e", "px", "py", "pz"]
                ]
                vertices = event.vertices
                # Sums over the graph that any wrong parent, child or colour changes.
                parents = total(p.momentum.e * q.momentum.e for p in particles for q in p.parents)
                position = [total(abs(getattr(v.position, c)) for v in vertices if v.has_set_position())
                            for c in ["x", "y", "z", "t"]]
                flows = sum(integer(p.attributes["flow1"]) + 2 * integer(p.attributes["flow2"]) for p in particles
                            if "flow1" in p.attributes and "flow2" in p.attributes)
                section = event.cross_section
                events.append({
                    "number": event.event_number,
                    "particles": len(particles),
                    "vertices": len(vertices),
                    "final": len(final),
                    "weights": list(event.weights),
                    "weight_names": list(event.weight_names),
                    "sum_abs_momentum": momentum,
                    "worst_balance": max(balance) if beams else None,
                    "sum_pdg": sum(p.pid for p in particles),
                    "sum_mass": total(p.generated_mass for p in particles),
                    "parents": parents,
                    "sum_abs_position": position,
                    "flows": flows,
                    "cross_section": section.xsec() if section is not None else None,
                })
    return events


def condensed(events):
    """Sums over the events of a large file, to keep the reference small."""
    return {
        "events": len(events),
        "particles": sum(e["particles"] for e in events),
        "vertices": sum(e["vertices"] for e in events),
        "final": sum(e["final"] for e in events),
        "sum_weights": total(e["weights"][0] for e in events),
        "sum_abs_momentum": [total(e["sum_abs_momentum"][k] for e in events) for k in range(4)],
        "sum_abs_position": [total(e["sum_abs_position"][k] for e in events) for k in range(4)],
        "worst_balance": max(e["worst_balance"] for e in events),
        "sum_pdg": sum(e["sum_pdg"] for e in events),
        "parents": total(e["parents"] for e in events),
    }


def main():
    DATA.mkdir(parents=True, exist_ok=True)
    REFERENCE.parent.mkdir(parents=True, exist_ok=True)
    make_lhe(DATA / "ttbar.lhe")
    make_hepmc(DATA)
    lhe = (DATA / "ttbar.lhe").read_bytes()
    # Two gzip members, cut in the middle of a line; two Zstandard frames around a skippable one.
    half = len(lhe) // 2
    write_gzip(DATA / "ttbar.lhe.gz", lhe[:half])
    with open(DATA / "ttbar.lhe.gz", "ab") as out:
        buffer = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as member:
            member.write(lhe[half:])
        out.write(buffer.getvalue())
    hepmc3 = (DATA / "z_bb.hepmc3").read_bytes()
    compressor = zstandard.ZstdCompressor(level=19, write_checksum=True)
    half = len(hepmc3) // 2
    skippable = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hepml"
    (DATA / "z_bb.hepmc3.zst").write_bytes(
        compressor.compress(hepmc3[:half]) + skippable + compressor.compress(hepmc3[half:]))
    write_gzip(DATA / "z_bb.hepmc2.gz", (DATA / "z_bb.hepmc2").read_bytes())
    # The plain HepMC2 file is the same thing once more; it goes after it was read.
    reference = {
        "made_with": {"pythia": "8.317.2", "pyhepmc": pyhepmc.__version__, "pylhe": pylhe.__version__},
        "lhe": {"ttbar.lhe": lhe_numbers(DATA / "ttbar.lhe")},
        "hepmc": {name: hepmc_numbers(DATA / name)
                  for name in ["z_bb.hepmc3", "z_bb.hepmc2", "z_bb_mev_cm.hepmc3"]},
        "shared_lhe": {}, "shared_hepmc": {},
    }
    (DATA / "z_bb.hepmc2").unlink()
    reference["hepmc"]["z_bb.hepmc2.gz"] = reference["hepmc"].pop("z_bb.hepmc2")
    if len(sys.argv) > 1:
        folder = pathlib.Path(sys.argv[1])
        for path in sorted(folder.glob("*.lhe*")):
            reference["shared_lhe"][path.name] = lhe_numbers(path)
        for path in sorted(folder.glob("*.hepmc*")):
            reference["shared_hepmc"][path.name] = condensed(hepmc_numbers(path))
    REFERENCE.write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()
