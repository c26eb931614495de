// SPDX-License-Identifier: Apache-2.0
// Web sites behind the gateway.
import { useWhole } from "../api";
import { t } from "../i18n";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Cli, Days, Facts, Status, When } from "../parts/text";
import { link, type Query } from "../router";
import type { Site, SitesAnswer } from "../types";
import { RenewSite, siteColumns } from "./overview";

function Certificates({ site }: { site: Site }) {
  return (
    <Card title={t("certificates")}>
      <Table
        name={`site-${site.name}`}
        caption={t("certificates")}
        columns={[
          { id: "algorithm", label: t("key"), value: c => c.algorithm },
          {
            id: "state",
            label: t("state"),
            value: c => c.state,
            cell: c => <Status value={c.state} />,
          },
          {
            id: "not_after",
            label: t("days_left"),
            value: c => c.not_after,
            cell: c => <Days until={c.not_after} />,
            number: true,
          },
          {
            id: "next_at",
            label: t("next_renewal"),
            value: c => c.next_at,
            cell: c => <When at={c.next_at} time />,
          },
          { id: "failures", label: t("failures"), value: c => c.failures, number: true },
          { id: "reason", label: t("reason"), value: c => c.reason },
        ]}
        rows={site.certificates}
        rowKey={c => c.algorithm}
        empty={<p>{t("passed_on_text")}</p>}
      />
      <p>
        <a href={link("certificates", { q: site.name })}>{t("history")}</a>
      </p>
    </Card>
  );
}

export function Sites({ query }: { query: Query }) {
  const sites = useWhole<SitesAnswer>("site list");
  const items = sites.data?.items;
  const one = query.name ? items?.find(s => s.name === query.name) : undefined;
  if (one)
    return (
      <Page title={one.name} of={[sites]} actions={one.passes ? null : <RenewSite site={one} />}>
        <p>
          <a href={link("sites")}>← {t("sites")}</a>
        </p>
        <Card title={t("site")}>
          <Facts
            of={[
              [t("backends"), one.backends.join(" ")],
              [t("profile"), one.profile],
              [t("keeper"), sites.data?.keeper],
            ]}
          />
          <p class="same">
            <small class="faint">{t("removes")}</small>{" "}
            <Cli command={`autarky site remove ${one.name}`} />
          </p>
        </Card>
        <Certificates site={one} />
      </Page>
    );
  return (
    <Page title={t("sites")} of={[sites]}>
      <Card title={t("sites")}>
        <Table
          name="sites"
          caption={t("sites")}
          columns={[
            ...siteColumns(),
            { id: "backends", label: t("backends"), value: s => s.backends.join(" ") },
            { id: "renew", label: t("action"), value: () => "", cell: s => <RenewSite site={s} /> },
          ]}
          rows={items}
          rowKey={s => s.name}
          empty={<p>{t("no_sites")}</p>}
        />
        <p class="same">
          <small class="faint">{t("adds")}</small>{" "}
          <Cli command="autarky site add NAME --backend URL" />
        </p>
      </Card>
    </Page>
  );
}
