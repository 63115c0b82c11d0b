#!/usr/bin/env bash
# Makes this project's virtual environment, then runs the demo or the tests. `bash setup.sh` tells the rest.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: bash setup.sh demo [ARGUMENTS]       install what is missing, then run `pytracking demo ARGUMENTS`
       bash setup.sh test [ARGUMENTS]       the same with the developers' tools, then run `pytest ARGUMENTS`
       bash setup.sh install [--device auto|cpu|cuda]
                                            install only; auto means cuda where `nvidia-smi -L` finds a GPU.
                                            demo and test keep the device that was last named here

Needs Python 3.10 or newer and no root. Run it again at any time: it goes on where it stopped and leaves alone
what is up to date. Delete the environment's folder to begin afresh. Variables it respects:
  VENV             folder of the environment (default: .venv beside this script)
  PYTHON           interpreter that a new environment is made with (default: python3.11, else another)
  TORCH_CPU_INDEX  package index with CPU builds of torch, asked where the usual one has none
                   (default: https://download.pytorch.org/whl/cpu)
  pip's own, such as PIP_INDEX_URL
EOF
}

# What tracking imports, and the commands: an environment is whole when all of it can be.
modules="torch, numpy, cv2, safetensors, rich, click, matplotlib, pytracking.api, pytracking.cli"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
constraints=$root/constraints.txt
venv=$(realpath -m "${VENV:-$root/.venv}")
python=$venv/bin/python
state=$venv/setup # what this script remembers between two runs, and pip's log
log=$state/pip.log
cpu_index=${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}
device=auto

say() { printf '%s\n' "$*"; }

die() { # STATUS MESSAGE: 2 for what the caller can mend, 1 for a failure
    printf 'setup.sh: %s\n' "$2" >&2
    exit "$1"
}

# --- Python and the environment ---------------------------------------------------------------------------------------

version_of() { # PYTHON: its version as 3.11; fails where it does not run, as the shims of version managers may
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

new_enough() { # VERSION
    [[ $1 =~ ^3\.([0-9]+)$ && ${BASH_REMATCH[1]} -ge 10 ]]
}

find_python() {
    local candidate version
    if [[ -n ${PYTHON:-} ]]; then
        version=$(version_of "$PYTHON") || die 2 "PYTHON=$PYTHON does not run; name a Python 3.10 or newer"
        new_enough "$version" || die 2 "PYTHON=$PYTHON is Python $version; name a Python 3.10 or newer"
        say "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3.10 python3; do
        if version=$(version_of "$candidate") && new_enough "$version"; then
            say "$candidate"
            return
        fi
    done
    die 2 "no Python 3.10 or newer found; install one (sudo apt install python3 python3-venv) or set PYTHON to its path"
}

make_environment() {
    local base version
    if version=$(version_of "$python"); then # whatever made it, what it holds is kept
        new_enough "$version" || die 2 "$venv holds Python $version, 3.10 or newer is needed; delete it or set VENV"
        if ! "$python" -m pip --version &>/dev/null; then
            say "The environment $venv has no pip: adding it"
            "$python" -m ensurepip --upgrade &>/dev/null ||
                die 2 "$venv has no pip and its Python cannot add it; uv pip install --python '$python' pip, or set VENV to another folder"
        fi
        return
    fi
    base=$(find_python)
    version=$(version_of "$base")
    "$base" -c 'import ensurepip; ensurepip.version()' &>/dev/null ||
        die 2 "$base cannot make environments; sudo apt install python$version-venv (or, no root: uv venv --seed '$venv')"
    if [[ -e $venv ]]; then
        # Only what this script made, or what holds no file at all, is deleted.
        [[ -f $state/made || -z $(find "$venv" ! -type d -print -quit) ]] ||
            die 2 "$venv exists and holds no Python that runs; delete it or set VENV to another folder"
        say "The environment $venv is half-made: making it anew"
        rm -rf "$venv"
    fi
    say "Making the environment $venv with Python $version"
    mkdir -p "$state"
    : >"$state/made"
    if ! "$base" -m venv "$venv"; then
        rm -rf "$venv"
        die 1 "$base could not make the environment $venv; its own words are above"
    fi
}

complaint() { # MODULES: why they cannot be imported, in one line; nothing where they can
    local words
    words=$("$python" -I -c "import $1" 2>&1 >/dev/null) || {
        words=${words:-the interpreter crashed}
        say "${words##*$'\n'}"
    }
}

# --- Packages ---------------------------------------------------------------------------------------------------------

pin() { # PACKAGE: its version in constraints.txt
    sed -n "s/^$1==\([^ ;]*\).*/\1/p" "$constraints"
}

pip_install() { # pip's words go to the log; the terminal sees the large files that it fetches
    "$python" -m pip install --no-input --disable-pip-version-check --constraint "$constraints" "$@" 2>&1 |
        tee -a "$log" |
        sed -un 's#^ *\(Downloading\|Using cached\) \(.*/\)*\([^-/]*-[^-/]*\)-[^/]*\.whl (\(.* [MG]B\))$#  \3 (\4)#p'
}

pip_uninstall() {
    "$python" -m pip uninstall --yes "$@" >>"$log" 2>&1
}

failed() { # WHAT
    die 1 "could not install $1; check network and disk space, then run the same again; pip's words are in $log"
}

torch_build() { # version and CUDA version ("None" in a CPU build) of the torch that is there; nothing without one
    "$python" -I -c 'import torch; print(torch.__version__, torch.version.cuda)' 2>/dev/null || true
}

install_torch() {
    local pinned version cuda
    pinned=$(pin torch)
    read -r version cuda <<<"$(torch_build)"
    if [[ ${version%+*} != "$pinned" || ($device == cuda && $cuda == None) ]]; then
        if [[ -z $version ]]; then # what an interruption may have left, pip would take for whole
            rm -rf "$venv"/lib/python3.*/site-packages/{torch,torch-*.dist-info}
        fi
        say "Installing torch $pinned ($device)"
        rm -f "$state/torch-index"
        if [[ $device == cuda ]]; then
            if [[ $cuda == None ]]; then pip_uninstall torch torchvision; fi
            pip_install "torch==$pinned" || failed "torch $pinned"
        elif ! pip_install "torch==$pinned+cpu"; then
            say "  no CPU build from the usual package index: asking $cpu_index too"
            pip_install --extra-index-url "$cpu_index" "torch==$pinned" || failed "torch $pinned"
            say "$cpu_index" >"$state/torch-index"
        fi
    fi
    read -r version cuda <<<"$(torch_build)"
    if [[ -z $version ]]; then
        die 1 "torch is installed and does not work: $(complaint torch) (deleting $venv may help)"
    elif [[ $device == cpu && $cuda != None ]]; then
        say "  note: torch $version is a CUDA build; it works on the CPU all the same"
    elif [[ $device == cuda && $cuda == None ]]; then
        say "  note: the package index gave torch $version, a CPU build; the GPU stays unused"
    fi
}

# The metadata name opencv-python, which needs libGL; where that is missing, the headless build takes its place, and another
# build that was there before keeps it. All own the folder cv2, and pip brings the named one whenever it installs the
# project, so the other is settled after it.
install_project() { # EXTRAS
    local other reason
    other=$("$python" -m pip list --format=freeze 2>/dev/null |
        sed -n 's/^\(opencv-python-headless\)==.*/\1/p; /^opencv-contrib-python/p')
    say "Installing the project and what it needs, with its extras ${1//,/, }"
    pip_install --editable "$root[$1]" || failed "the project"
    reason=$(complaint cv2)
    if [[ -z $other && $reason == ImportError:*.so* ]]; then
        other=opencv-python-headless
    fi
    if [[ -n $other ]]; then
        say "Installing $other in place of opencv-python${reason:+: ${reason#ImportError: }}"
        pip_uninstall opencv-python "${other%%==*}"
        pip_install --no-deps --force-reinstall "$other" || failed "$other"
    fi
}

install_torchvision() { # a convenience: its failure costs nothing else
    local from=()
    if [[ -f $state/torch-index ]]; then from=(--extra-index-url "$(<"$state/torch-index")"); fi
    say "Installing torchvision $(pin torchvision) (optional)"
    pip_install "${from[@]}" "torchvision==$(pin torchvision)" ||
        say "  note: that failed, the rest works without it; pip's words are in $log"
}

install_visdom() { # as optional; its own script imports what setuptools 82 no longer has
    say "Installing visdom $(pin visdom) (optional)"
    { pip_install "setuptools<81" wheel &&
        pip_install --no-build-isolation "visdom==$(pin visdom)" "tornado==$(pin tornado)"; } ||
        say "  note: that failed, the rest works without it; pip's words are in $log"
}

# --- The whole --------------------------------------------------------------------------------------------------------

fingerprint() { # of everything that decides what is installed
    { say "$root $device" && cat "$root/pyproject.toml" "$constraints" "$root/setup.sh"; } | sha256sum
}

up_to_date() { # core|dev
    [[ -f $state/$1 && $(<"$state/$1") == "$(fingerprint)" && -z $(complaint "$modules") ]]
}

install() { # core|dev [auto|cpu|cuda]
    local wanted reason
    make_environment
    mkdir -p "$state"
    wanted=${2:-$(cat "$state/device" 2>/dev/null || say auto)}
    say "$wanted" >"$state/device"
    device=$wanted
    if [[ $device == auto ]]; then
        if nvidia-smi -L &>/dev/null; then device=cuda; else device=cpu; fi
    fi
    if ! up_to_date "$1"; then
        rm -f "$state/core" "$state/dev"
        : >"$log"
        install_torch
        if [[ $1 == dev ]]; then
            install_project plots,tables,dev
            install_torchvision
            install_visdom
        else
            install_project plots,web
        fi
        reason=$(complaint "$modules")
        [[ -z $reason ]] || die 1 "all is installed and does not work: $reason (deleting $venv may help; log: $log)"
        fingerprint >"$state/core"
        if [[ $1 == dev ]]; then cp "$state/core" "$state/dev"; fi
    fi
    say "Ready: $venv ($device)"
}

trap 'exit 130' INT # pip catches Ctrl-C and merely fails: nothing may go on after it
verb=${1:-help}
shift || true
case $verb in
    help | -h | --help)
        usage
        ;;
    demo)
        install core
        exec "$venv/bin/pytracking" demo "$@"
        ;;
    test)
        install dev
        cd "$root"
        export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}" OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
        exec "$python" -m pytest "$@"
        ;;
    install)
        options=${*/=/ }
        case $options in
            "") install core ;;
            "--device auto" | "--device cpu" | "--device cuda") install core "${options#--device }" ;;
            *) die 2 "install takes --device auto, cpu or cuda, and not '$*'" ;;
        esac
        ;;
    *)
        die 2 "unknown verb '$verb'; choose demo, test, install or --help"
        ;;
esac
