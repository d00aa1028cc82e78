#!/usr/bin/env bash
# Puts the app on Cloud Run. A second call brings a new version; what is there already stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

usage() {
    cat <<'TEXT'
Usage: PROJECT=... REGION=... deploy/cloudrun/deploy.sh [--dry-run]

  --dry-run  prints the commands in order and runs none

  PROJECT        the Google Cloud project
  REGION         such as asia-south1
  ACCESS         who may open it: allUsers (anybody), or nothing yet (default); the README tells how
                 to let in your school's accounts only
  LAW            two letters for FER_REGION, such as IN; for countries of the EU the app keeps Live
                 and Video switched off
  SITE           your own domain for it, such as https://fer.school.example, if there is one
  MIN_INSTANCES  kept running, 0 (default) costs nothing while nobody comes
  MAX_INSTANCES  of six lessons each (default 3)
  VERSION        the image's tag (default: the commit)
TEXT
}

fail() {
    echo "deploy.sh: $1" >&2
    exit 2
}

dry=
case ${1-} in
'') ;;
--dry-run) dry=1 ;;
-h | --help) usage && exit ;;
*) fail "no option '$1' (--help tells more)" ;;
esac
[[ ${PROJECT-} ]] || fail "set PROJECT to your Google Cloud project (--help tells more)"
[[ ${REGION-} ]] || fail "set REGION, such as asia-south1 (--help tells more)"
[[ ${ACCESS-} =~ ^(allUsers)?$ ]] || fail "ACCESS is '$ACCESS': set it to allUsers, or leave it unset"
[[ ${LAW-} =~ ^([A-Z]{2})?$ ]] || fail "LAW is '$LAW': set it to two capital letters, such as IN"
[[ ${SITE-} =~ ^(https://[a-z0-9.-]+)?$ ]] || fail "SITE is '$SITE': write https://NAME, or leave it unset"
MIN_INSTANCES=${MIN_INSTANCES:-0} MAX_INSTANCES=${MAX_INSTANCES:-3}
[[ $MIN_INSTANCES =~ ^[0-9]{1,3}$ ]] || fail "MIN_INSTANCES must be a number"
[[ $MAX_INSTANCES =~ ^[1-9][0-9]{0,2}$ ]] || fail "MAX_INSTANCES must be a number from 1 on"
VERSION=${VERSION:-$(git rev-parse --short HEAD 2>/dev/null || echo latest)}

readonly IMAGE=$REGION-docker.pkg.dev/$PROJECT/fer/fer:$VERSION
readonly ACCOUNT=fer-run@$PROJECT.iam.gserviceaccount.com

# Run a gcloud command of this project, or print it.
cloud() {
    if [[ $dry ]]; then
        printf 'gcloud'
        printf ' %q' "$@" "--project=$PROJECT"
        printf '\n'
    else
        gcloud "$@" "--project=$PROJECT" --quiet
    fi
}

# unless WHAT... -- HOW...: run the second command if the first one fails to find its object.
unless() {
    local look=()
    while [[ $1 != -- ]]; do
        look+=("$1")
        shift
    done
    shift
    if [[ ! $dry ]] && cloud "${look[@]}" >/dev/null 2>&1; then
        return
    fi
    cloud "$@"
}

service_file() {
    sed -e "s|\${IMAGE}|$IMAGE|" -e "s|\${PROJECT}|$PROJECT|" -e "s|\${LAW}|${LAW-}|" \
        -e "s|\${SITE}|${SITE-}|" \
        -e "s|\${MIN_INSTANCES}|$MIN_INSTANCES|" -e "s|\${MAX_INSTANCES}|$MAX_INSTANCES|" \
        deploy/cloudrun/service.yaml
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
service_file >"$folder/service.yaml"

cloud services enable run.googleapis.com cloudbuild.googleapis.com \
    artifactregistry.googleapis.com secretmanager.googleapis.com
unless artifacts repositories describe fer "--location=$REGION" -- \
    artifacts repositories create fer "--location=$REGION" --repository-format=docker
cloud builds submit . --config=deploy/cloudrun/cloudbuild.yaml \
    "--substitutions=_IMAGE=$IMAGE,_VERSION=$VERSION"
unless iam service-accounts describe "$ACCOUNT" -- \
    iam service-accounts create fer-run "--display-name=Class expressions"
(umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/secret")
unless secrets describe fer-secret -- \
    secrets create fer-secret --replication-policy=automatic "--data-file=$folder/secret"
cloud secrets add-iam-policy-binding fer-secret "--member=serviceAccount:$ACCOUNT" \
    --role=roles/secretmanager.secretAccessor
cloud run services replace "$folder/service.yaml" "--region=$REGION"
if [[ ${ACCESS-} ]]; then
    cloud run services add-iam-policy-binding fer "--region=$REGION" "--member=$ACCESS" \
        --role=roles/run.invoker
fi
cloud run services describe fer "--region=$REGION" "--format=value(status.url)"
