# May run for another version than the one it was packaged with, for half an install, or twice.
$ErrorActionPreference = 'Stop'
try {
    $target = Join-Path $env:ProgramFiles 'Datadog Agent'
    if (Test-Path $target) {
        Remove-Item -Recurse -Force -Path $target
    }
    exit 0
} catch {
    [Console]::Error.WriteLine($_)
    exit 1
}
