# $rust_page_cache_full_path of an untouched target is Django's get_full_path().

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use MIME::Base64 qw(decode_base64);
use RustPageCache::Django qw(full_path refused_target);

my $nginx = nginx(
    bare   => 1,
    server => <<'CONF',
    server_name example.com;
    add_header X-Full-Path $rust_page_cache_full_path always;
    location / {
        return 200 "ok\n";
    }
CONF
);

# Each record is a request as it was sent to the same nginx.
for my $record (fixture('nginx-variables.jsonl')) {
    next if $record->{status} == 400;
    my $response = $nginx->raw(decode_base64($record->{request}{raw_b64}));
    my $target   = $record->{request}{target};
    utf8::downgrade($target);
    is $response && $response->header('X-Full-Path'), full_path($target), $record->{id};
}

# And what Django answered of targets that were sent to it.
for my $record (fixture('full-path.django.jsonl')) {
    my $target = decode_base64($record->{target_b64});
    next if refused_target($target);
    my $response = $nginx->get($target);
    next if $response->status == 400;    # nginx refuses %00 and %zz by itself
    is $response->header('X-Full-Path'), $record->{full_path}, $record->{id};
}

# What the records do not hold: target, and what Django makes of it.
my @more = (
    ['/?',              '/'],
    ['/??',             '/??'],
    ['/%e4%bd%a0%2F',   '/%E4%BD%A0/'],
    ['/%F4%90%80%80',   '/%25F4%2590%2580%2580'],
    ['/a%3fb%23c?d?e',  '/a%3Fb%23c?d?e'],
    ['/%7Eme/',         '/~me/'],
    ['/a;b=c',          '/a%3Bb%3Dc'],
    ['/*',              '/*'],
    ['/a?b=%c3%a9',     '/a?b=%c3%a9'],
);
is $nginx->get($_->[0])->header('X-Full-Path'), $_->[1], $_->[0] for @more;

$nginx->finish;

done_testing;
