#!/usr/bin/env bash
# A Slurm cluster of one node (Debian: apt-get install slurm-wlm), and two runs in it as an array of seven: `detect`, of which
# one task is killed and submitted again, and `val`. Their merged results are compared with those of one process.
#
#   npm run build && bench/slurm/run.sh [DATA WEIGHTS]      as root; prints what docs/scale.md shows
#
# DATA is a folder with images/ and labels/. Without it, pictures of this repository and the embedded model are used.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

for program in slurmctld slurmd sbatch munged; do
  command -v $program >/dev/null || { echo "no $program; on Debian: apt-get install slurm-wlm munge"; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "run it as root: slurmd starts jobs for users"; exit 1; }

work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

host=$(hostname -s)
mkdir -p "$work"/{state,spool,munge,data/images,data/labels}
chmod 755 "$work"
dd if=/dev/urandom of="$work/munge/key" bs=128 count=1 status=none
chmod 700 "$work/munge"
chmod 400 "$work/munge/key"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
  --log-file="$work/munge/log" --seed-file="$work/munge/seed" >/dev/null 2>&1 &
pids+=($!)

cat >"$work/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF=$work/slurm.conf
sleep 1
slurmctld -D >/dev/null 2>&1 & pids+=($!)
slurmd -D -N "$host" >/dev/null 2>&1 & pids+=($!)
for _ in $(seq 60); do
  sinfo -h -o %T 2>/dev/null | grep -q idle && break
  sleep 1
done
sinfo

if [ $# -ge 2 ]; then
  data=$(realpath "$1")
  weights=$(realpath "$2")
  size=640
else
  data=$work/data
  weights=codes
  size=256
  # The best code that the model itself finds.
  label=$(node "$root/dist/cli.js" detect --imgsz 256 --nosave --quiet --json - | node -e '
    const [{ width, height, detections: [box] }] = JSON.parse(require("node:fs").readFileSync(0, "utf8")).images;
    const { xmin, ymin, xmax, ymax } = box;
    const centre = [(xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height];
    console.log(box.class, ...centre, (xmax - xmin) / width, (ymax - ymin) / height);')
  for i in $(seq 0 27); do
    cp "$root/examples/codes.png" "$data/images/p$i.png"
    echo "$label" >"$data/labels/p$i.txt"
  done
fi
yolov5="node $root/dist/cli.js"
cd "$work"
options="--weights $weights --imgsz $size --quiet"

# finished ID: waits until no task of the job is left.
finished() { while squeue -h -j "$1" 2>/dev/null | grep -q .; do sleep 1; done; }

echo "== detect in an array of seven, one task killed"
detect="$yolov5 detect --source $data/images $options --nosave --save-txt --no-speed --backend wasm --workers 0 --threads 1"
$detect --project one --json one.json
id=$(sbatch --parsable --array=0-6 --output=task-%a.txt --wrap "$detect --project out --resume")
until squeue -h -j "${id}_1" -t RUNNING 2>/dev/null | grep -q .; do sleep 0.1; done
sleep 0.3
scancel --signal=KILL "${id}_1"
finished "$id"
ls out/exp
$yolov5 merge out/exp --output merged || true
echo "== the same job again: only what is missing runs"
id=$(sbatch --parsable --array=0-6 --output=again-%a.txt --wrap "${detect/--quiet/} --project out --resume")
finished "$id"
grep -h "is done" again-*.txt | sed "s#$work/##" || true
$yolov5 merge out/exp --output merged
diff -r one/exp/labels merged/labels
sed 's#"one/exp"#"merged"#' one.json | cmp - merged/results.json
echo "detect: the merged results and labels are those of one process, byte for byte"

echo "== val in an array of seven"
val="$yolov5 val --data $data $options --batch-size 4 --noplots --backend wasm"
$val --json val.json
id=$(sbatch --parsable --array=0-6 --output=val-%a.txt --wrap "$val --json part.json")
finished "$id"
ls part-*.json
$yolov5 merge part-*.json --output val-merged.json
node -e '
  const { readFileSync } = require("node:fs");
  const [one, merged] = ["val.json", "val-merged.json"].map((file) => {
    const { speed, backend, savedTo, ...figures } = JSON.parse(readFileSync(file, "utf8"));
    return JSON.stringify(figures);
  });
  if (one !== merged) throw new Error("the figures differ");
'
echo "val: the merged figures are those of one process, digit for digit"
